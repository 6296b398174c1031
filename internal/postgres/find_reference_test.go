package postgres_test

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"example.com/todo-backend/internal/todo"
)

// orders are all of them.
func orders() map[string]todo.Order {
	return map[string]todo.Order{
		"created": todo.ByCreation, "due": todo.ByDue, "priority": todo.ByPriority, "position": todo.ByPosition, "updated": todo.ByUpdate,
	}
}

// anyOf returns one of some values.
func anyOf[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// insertAny makes n todos of an owner whose fields are random, several of each value, and
// returns them.
func insertAny(t *testing.T, conn *pgx.Conn, store todo.Store, owner todo.UserID, random *rand.Rand, n int) []todo.Todo {
	t.Helper()
	for range n {
		id := someID(random)
		draft := todo.Draft{
			ID:          &id,
			Title:       anyOf(random, "Café", "cafe\u0301 au lait", "Straße", "STRASSE", "milk", "Größe 42"),
			Description: anyOf(random, "", "", "with milk", "from the café"),
			Priority:    todo.Priority(random.IntN(4)),
			Tags:        todo.NewTags(slices.Repeat([]string{anyOf(random, "Home", "home", "ÉTÉ", "work")}, random.IntN(2))),
			Position:    anyOf(random, "", "", "a0", "a0V", "Zz", "b00"),
			Due:         anyDue(random),
		}
		if random.IntN(3) == 0 {
			draft.Tags = todo.NewTags([]string{"Home", anyOf(random, "work", "été")})
		}
		if _, err := store.CreateTodo(t.Context(), owner, draft); err != nil {
			t.Fatal(err)
		}
	}
	// Few times, so that todos share them.
	_, err := conn.Exec(t.Context(), `
		UPDATE todo
		SET    created_at   = '2026-11-01 00:00:00+00'::timestamptz + (random() * 20)::int * INTERVAL '1 second',
		       updated_at   = '2026-11-02 00:00:00+00'::timestamptz + (random() * 20)::int * INTERVAL '1 microsecond',
		       is_completed = random() < 0.5
		WHERE  user_id = $1`, owner.String())
	if err != nil {
		t.Fatal(err)
	}
	return listAll(t, store, owner, todo.Query{Size: 200}, nil)
}

// someID returns a random id.
func someID(random *rand.Rand) (id todo.ID) {
	for i := range id {
		id[i] = byte(random.UintN(256))
	}
	return id
}

// anyDue returns a due date of each form, near days on which clocks change.
func anyDue(random *rand.Rand) todo.Due {
	due := todo.Due{Date: anyOf(random, "", "2026-03-28", "2026-03-29", "2026-03-30", "2026-10-24", "2026-10-25", "2028-02-29", "2041-01-01", "1969-12-31", "2099-06-01")}
	if due.Date != "" && random.IntN(3) > 0 {
		due.Time = anyOf(random, "00:00", "01:30", "02:30", "03:00", "12:00", "23:59")
		due.Zone = anyOf(random, "", "", "Europe/Berlin", "Pacific/Honolulu", "Pacific/Kiritimati")
	}
	return due
}

// reference is what a list has to be, of an owner's todos.
func reference(t *testing.T, todos []todo.Todo, query todo.Query, zone *time.Location) []todo.Todo {
	t.Helper()
	var list []todo.Todo
	for _, one := range todos {
		if meets(t, one, query, zone) {
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b todo.Todo) int {
		byID := bytes.Compare(a.ID[:], b.ID[:])
		switch query.Order {
		case todo.ByDue:
			return cmp.Or(dueKey(t, a, zone).Compare(dueKey(t, b, zone)), byID)
		case todo.ByPosition:
			return cmp.Or(bytes.Compare(a.AppendPosition(nil), b.AppendPosition(nil)), byID)
		case todo.ByPriority:
			return cmp.Or(cmp.Compare(b.Priority, a.Priority), b.CreatedAt.Compare(a.CreatedAt), -byID)
		case todo.ByUpdate:
			return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), -byID)
		default:
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), -byID)
		}
	})
	return list
}

// localTime returns the local time at which a todo is due, as if it were UTC: the end of
// the day for one without a time.
func localTime(t *testing.T, due todo.Due) time.Time {
	t.Helper()
	text := due.Time
	if text == "" {
		text = "00:00"
	}
	local, err := time.Parse("2006-01-02 15:04", due.Date+" "+text)
	if err != nil {
		t.Fatal(err)
	}
	if due.Time == "" {
		local = local.AddDate(0, 0, 1)
	}
	return local
}

// dueKey returns the instant at which a todo is due, for a user in a zone.
func dueKey(t *testing.T, one todo.Todo, zone *time.Location) time.Time {
	t.Helper()
	switch due := one.Due; {
	case due.Date == "":
		return time.Unix(1<<40, 0)
	case due.Zone != "":
		at, err := due.At()
		if err != nil {
			t.Fatal(err)
		}
		return at
	case due.Time == "":
		return todo.InstantOf(localTime(t, due), zone).Add(-time.Microsecond)
	default:
		return todo.InstantOf(localTime(t, due), zone)
	}
}

// meets reports whether a todo meets a query's filter.
func meets(t *testing.T, one todo.Todo, query todo.Query, zone *time.Location) bool {
	t.Helper()
	filter := query.Filter
	tags := one.Tags.ByFolded()
	has := func(tag string) bool { _, ok := tags[tag]; return ok }
	lacks := func(tag string) bool { return !has(tag) }
	switch {
	case query.IsCompleted != nil && *query.IsCompleted != one.IsCompleted,
		slices.ContainsFunc(filter.AllTags, lacks),
		filter.AnyTags != nil && !slices.ContainsFunc(filter.AnyTags, has),
		filter.Priorities != nil && !slices.Contains(filter.Priorities, one.Priority),
		filter.NoDueDate && one.Due.Date != "",
		one.UpdatedAt.Before(filter.UpdatedSince):
		return false
	}
	if filter.DueFrom != "" || filter.DueTo != "" {
		if one.Due.Date == "" {
			return false
		}
		day := one.Due.Date
		if one.Due.Zone != "" {
			day = dueKey(t, one, zone).In(zone).Format(time.DateOnly)
		}
		if day < filter.DueFrom || filter.DueTo != "" && day > filter.DueTo {
			return false
		}
	}
	for _, word := range filter.Words {
		if !strings.Contains(referenceFold(one.Title), word) && !strings.Contains(referenceFold(one.Description), word) {
			return false
		}
	}
	return true
}

// referenceFold folds a text with the tools of golang.org/x/text alone.
func referenceFold(text string) string {
	ignored := runes.In(rangetable(todo.Ignored()))
	folded, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(ignored), cases.Fold(), norm.NFD, runes.Remove(ignored)), text)
	if err != nil {
		panic(err)
	}
	return strings.NewReplacer("ø", "o", "ł", "l", "đ", "d", "ð", "d", "ħ", "h", "ŧ", "t", "ı", "i", "æ", "ae", "œ", "oe", "þ", "th").Replace(folded)
}

// rangetable returns a table of ranges in their order.
func rangetable(ranges [][2]rune) *unicode.RangeTable {
	table := new(unicode.RangeTable)
	for _, r := range ranges {
		table.R32 = append(table.R32, unicode.Range32{Lo: uint32(r[0]), Hi: uint32(r[1]), Stride: 1})
	}
	return table
}
