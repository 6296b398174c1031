package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // So that every machine has the same.

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// zoneNamed returns a time zone, as a query and as a reference have it.
func zoneNamed(t *testing.T, name string) (*todo.Zone, *time.Location) {
	t.Helper()
	zone, err := todo.NewService(nil, nil).Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	if name == "" {
		return zone, time.UTC
	}
	location, err := todo.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone, location
}

// same fails the test when a list has other todos than are wanted, or another order.
func same(t *testing.T, what string, want, got []todo.Todo) {
	t.Helper()
	if len(want) == 0 && len(got) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestPagesOfEveryOrderTogetherAreTheReferencesList(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	all := insertAny(t, pgtest.Connect(t, url), store, owner, rand.New(rand.NewPCG(1, 2)), 230)
	for name, order := range orders() {
		for _, zoneName := range []string{"", "Europe/Berlin", "Pacific/Honolulu", "Pacific/Kiritimati"} {
			if zoneName != "" && order != todo.ByDue {
				continue
			}
			zone, location := zoneNamed(t, zoneName)
			// With a filter that all meet, the order of creation is not the plain list either.
			query := todo.Query{Order: order, Zone: zone, Filter: todo.Filter{UpdatedSince: time.Unix(0, 0)}}
			want := reference(t, all, query, location)
			for _, query.Size = range []int{1, 7, 200} {
				same(t, fmt.Sprint(name, " in ", zone, " in pages of ", query.Size), want, listAll(t, store, owner, query, nil))
			}
		}
	}
}

// filters are one of each, and some together.
func filters() map[string]todo.Query {
	byTag := func(tags ...string) []string { return todo.FoldTags(tags) }
	return map[string]todo.Query{
		"a tag in another case":            {Filter: todo.Filter{AllTags: byTag("HOME")}},
		"two tags":                         {Filter: todo.Filter{AllTags: byTag("home", "été")}},
		"one of two tags":                  {Filter: todo.Filter{AnyTags: byTag("Été", "WORK")}},
		"a tag that nothing has":           {Filter: todo.Filter{AnyTags: byTag("none")}},
		"all and any tags":                 {Filter: todo.Filter{AllTags: byTag("home"), AnyTags: byTag("été", "work")}},
		"a priority":                       {Filter: todo.Filter{Priorities: []todo.Priority{todo.HighPriority}}},
		"no priority, or a low one":        {Filter: todo.Filter{Priorities: []todo.Priority{todo.NoPriority, todo.LowPriority}}},
		"due from a day":                   {Filter: todo.Filter{DueFrom: "2026-03-29"}},
		"due to a day":                     {Filter: todo.Filter{DueTo: "2026-03-29"}},
		"due on a leap day":                {Filter: todo.Filter{DueFrom: "2028-02-29", DueTo: "2028-02-29"}},
		"due on a day before it":           {Filter: todo.Filter{DueFrom: "2028-02-28", DueTo: "2028-02-28"}},
		"due on the day of 23 hours":       {Filter: todo.Filter{DueFrom: "2026-03-29", DueTo: "2026-03-29"}},
		"due on the day of 25 hours":       {Filter: todo.Filter{DueFrom: "2026-10-25", DueTo: "2026-10-25"}},
		"due from a day after the last":    {Filter: todo.Filter{DueFrom: "2026-03-30", DueTo: "2026-03-29"}},
		"due at the end of time":           {Filter: todo.Filter{DueTo: "9999-12-31"}},
		"due from the beginning of time":   {Filter: todo.Filter{DueFrom: "0001-01-01"}},
		"without a due date":               {Filter: todo.Filter{NoDueDate: true}},
		"changed since":                    {Filter: todo.Filter{UpdatedSince: time.Date(2026, 11, 2, 0, 0, 0, 7_000, time.UTC)}},
		"changed since half a microsecond": {Filter: todo.Filter{UpdatedSince: time.Date(2026, 11, 2, 0, 0, 0, 7_500, time.UTC)}},
		"completed, due":                   {IsCompleted: new(true), Filter: todo.Filter{DueFrom: "0001-01-01"}},
		"not completed, by tag":            {IsCompleted: new(false), Filter: todo.Filter{AllTags: byTag("home")}},
		"a word without its accent":        {Filter: todo.Filter{Words: todo.SearchWords("cafe")}},
		"words in title and description":   {Filter: todo.Filter{Words: todo.SearchWords("CAFÉ milk")}},
		"a word's beginning":               {Filter: todo.Filter{Words: todo.SearchWords("stras")}},
		"all at once": {IsCompleted: new(false), Filter: todo.Filter{
			Words: todo.SearchWords("c"), AllTags: byTag("home"), AnyTags: byTag("home", "work"), DueFrom: "2020-01-01", DueTo: "2041-01-01",
			Priorities: []todo.Priority{1, 2, 3}, UpdatedSince: time.Unix(0, 0),
		}},
	}
}

func TestEveryFilterFindsWhatTheReferenceFinds(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	all := insertAny(t, pgtest.Connect(t, url), store, owner, rand.New(rand.NewPCG(3, 4)), 200)
	for name, query := range filters() {
		for _, zoneName := range []string{"", "America/New_York", "Pacific/Kiritimati"} {
			zone, location := zoneNamed(t, zoneName)
			for order := range orders() {
				query.Order, query.Zone, query.Size = orders()[order], zone, 50
				want := reference(t, all, query, location)
				if isRare := name == "a tag that nothing has" || name == "due from a day after the last" || name == "due on a day before it"; !isRare && (len(want) == 0 || len(want) == len(all)) {
					t.Fatalf("%s: the reference finds %d of %d, which tests nothing", name, len(want), len(all))
				}
				same(t, fmt.Sprint(name, " by ", order, " in ", zone), want, listAll(t, store, owner, query, nil))
			}
		}
	}
}

func TestTheTrashHasTheFiltersAndItsOwnOrder(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	conn := pgtest.Connect(t, url)
	owner := user(t, "u")
	all := insertAny(t, conn, store, owner, rand.New(rand.NewPCG(5, 6)), 60)
	for _, one := range all[:40] {
		remove(t, store, owner, one.ID, false)
	}
	remove(t, store, owner, all[0].ID, true)
	pgtest.ExecOn(t, conn, "UPDATE todo SET deleted_at = date_trunc('second', deleted_at) WHERE deleted_at IS NOT NULL") // Some share the time.
	trash := listAll(t, store, owner, todo.Query{InTrash: true, Size: 100}, nil)
	if len(trash) != 39 {
		t.Fatalf("%d in the trash, want 39", len(trash))
	}
	for name, query := range filters() {
		var want []todo.Todo
		for _, one := range trash {
			if meets(t, one, query, time.UTC) {
				want = append(want, one)
			}
		}
		for _, order := range orders() { // None makes a difference.
			query.InTrash, query.Order, query.Size = true, order, 3
			same(t, name, want, listAll(t, store, owner, query, nil))
		}
	}
}

func TestPagingByEveryOrderSkipsNothingWhileTodosComeAndGo(t *testing.T) {
	t.Parallel()
	for name, order := range orders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, url := newStore(t)
			owner := user(t, "u")
			random := rand.New(rand.NewPCG(7, uint64(order)))
			conn := pgtest.Connect(t, url)
			before := insertAny(t, conn, store, owner, random, 120)
			isGone := make(map[todo.ID]bool)
			query := todo.Query{Order: order, Size: 7, Filter: todo.Filter{UpdatedSince: time.Unix(0, 0)}}
			got := listAll(t, store, owner, query, func(_ int, query *todo.Query) {
				meanwhile := someID(random)
				if _, err := store.CreateTodo(t.Context(), owner, todo.Draft{ID: &meanwhile, Title: "made meanwhile", Due: anyDue(random)}); err != nil {
					t.Fatal(err)
				}
				for _, victim := range []todo.ID{query.After.ID, before[random.IntN(len(before))].ID} {
					if !isGone[victim] {
						isGone[victim] = true
						remove(t, store, owner, victim, false)
					}
				}
			})
			listed := make(map[todo.ID]bool)
			for _, one := range got {
				if listed[one.ID] {
					t.Errorf("%v is listed twice", one)
				}
				listed[one.ID] = true
			}
			for _, one := range before {
				if !isGone[one.ID] && !listed[one.ID] {
					t.Errorf("%v was skipped", one)
				}
			}
		})
	}
}
