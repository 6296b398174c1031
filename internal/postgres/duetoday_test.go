package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"example.com/todo-backend/internal/todo"
)

// dueOf returns the due date in a text, such as "2026-03-29 02:30 Europe/Berlin".
func dueOf(text string) todo.Due {
	parts := append(strings.Fields(text), "", "", "")
	return todo.Due{Date: parts[0], Time: parts[1], Zone: parts[2]}
}

// TestWhatIsDueToday makes todos by their due dates, and lists those of a day by due date.
func TestWhatIsDueToday(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	const berlin, newYork, honolulu, kiritimati = "Europe/Berlin", "America/New_York", "Pacific/Honolulu", "Pacific/Kiritimati"
	for name, test := range map[string]struct {
		zone, today string
		others      []string // Not due today.
		want        []string // Due today, in their order.
	}{
		"a day is a day in Honolulu too, where UTC is ahead by a night": {
			honolulu, "2026-11-29",
			[]string{"2026-11-28", "2026-11-30"},
			[]string{"2026-11-29"},
		},
		"a day is a day in Kiritimati too, where UTC is behind by a day": {
			kiritimati, "2026-11-29",
			[]string{"2026-11-28", "2026-11-30"},
			[]string{"2026-11-29"},
		},
		"a time without a zone is on its day in Honolulu": {
			honolulu, "2026-11-29",
			[]string{"2026-11-28 23:59", "2026-11-30 00:00"},
			[]string{"2026-11-29 00:00", "2026-11-29 23:59"},
		},
		"a time without a zone is on its day in Kiritimati": {
			kiritimati, "2026-11-29",
			[]string{"2026-11-28 23:59", "2026-11-30 00:00"},
			[]string{"2026-11-29 00:00", "2026-11-29 23:59"},
		},
		"a time in Berlin is on the day before in Honolulu, until eleven in the morning": {
			honolulu, "2026-11-28",
			[]string{"2026-11-29 11:00 " + berlin, "2026-11-28 10:59 " + berlin},
			[]string{"2026-11-28 11:00 " + berlin, "2026-11-29 10:59 " + berlin},
		},
		"a time in Berlin is on the day after in Kiritimati, from eleven in the morning": {
			kiritimati, "2026-11-30",
			[]string{"2026-11-29 10:59 " + berlin, "2026-11-30 11:00 " + berlin},
			[]string{"2026-11-29 11:00 " + berlin, "2026-11-30 10:59 " + berlin},
		},
		"times with and without a zone are in the order in which they come, days last": {
			berlin, "2026-11-29",
			nil,
			[]string{"2026-11-29 08:00", "2026-11-29 02:30 " + newYork, "2026-11-29 09:00", "2026-11-29 10:00 " + berlin, "2026-11-29 23:59", "2026-11-29"},
		},
		"the same in Kiritimati, where nine comes thirteen hours before Berlin's": {
			kiritimati, "2026-11-29",
			[]string{"2026-11-29 11:00 " + berlin},
			[]string{"2026-11-29 08:00", "2026-11-29 09:00", "2026-11-29 10:00 " + berlin, "2026-11-29 23:59", "2026-11-29"},
		},
		"an hour that does not come is after it, as clocks go forward": {
			berlin, "2026-03-29",
			[]string{"2026-03-28 23:59", "2026-03-30 00:00"},
			[]string{"2026-03-29 01:59", "2026-03-29 03:00", "2026-03-29 02:30 " + berlin, "2026-03-29 04:00", "2026-03-29"},
		},
		"the day of 23 hours ends an hour earlier for times in other zones": {
			berlin, "2026-03-29",
			[]string{"2026-03-28 18:59 " + newYork, "2026-03-29 18:00 " + newYork},
			[]string{"2026-03-28 19:00 " + newYork, "2026-03-29 17:59 " + newYork},
		},
		"an hour that comes twice is the first, as clocks go back": {
			berlin, "2026-10-25",
			[]string{"2026-10-24 23:59", "2026-10-26 00:00"},
			[]string{"2026-10-25 02:30", "2026-10-24 20:45 " + newYork, "2026-10-24 21:30 " + newYork, "2026-10-25 03:00", "2026-10-25"},
		},
		"the day of 25 hours ends an hour later for times in other zones": {
			berlin, "2026-10-25",
			[]string{"2026-10-24 17:59 " + newYork, "2026-10-25 19:00 " + newYork},
			[]string{"2026-10-24 18:00 " + newYork, "2026-10-25 18:59 " + newYork},
		},
		"the day after a change of clocks begins at its own midnight": {
			berlin, "2026-10-26",
			[]string{"2026-10-25 23:59 " + berlin},
			[]string{"2026-10-26 00:00 " + berlin, "2026-10-26"},
		},
		"a leap day is a day": {
			berlin, "2028-02-29",
			[]string{"2028-02-28", "2028-03-01", "2028-02-28 23:59 " + berlin, "2028-03-01 00:00"},
			[]string{"2028-02-29 12:00", "2028-02-29"},
		},
		"a leap day in Kiritimati begins on the day before in Honolulu": {
			kiritimati, "2028-02-29",
			[]string{"2028-02-27 23:59 " + honolulu, "2028-02-29 00:00 " + honolulu},
			[]string{"2028-02-28 00:00 " + honolulu, "2028-02-28 23:59 " + honolulu, "2028-02-29"},
		},
		"the last day of a leap year far ahead": {
			berlin, "2040-12-31",
			[]string{"2041-01-01"},
			[]string{"2040-12-31 00:00", "2040-12-31 23:59 " + berlin, "2040-12-31"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := user(t, name)
			for i, text := range slices.Concat(test.others, test.want, []string{""}) {
				// Ids are in another order than times.
				id := todo.ID(uuid.NewSHA1(uuid.Nil, []byte(name)))
				id[0] = byte(99 - i)
				if _, err := store.CreateTodo(t.Context(), owner, todo.Draft{ID: &id, Title: "due: " + text, Due: dueOf(text)}); err != nil {
					t.Fatal(err)
				}
			}
			zone, _ := zoneNamed(t, test.zone)
			var got []string
			query := todo.Query{Order: todo.ByDue, Zone: zone, Filter: todo.Filter{DueFrom: test.today, DueTo: test.today}, Size: 2}
			for _, one := range listAll(t, store, owner, query, nil) {
				got = append(got, strings.TrimPrefix(one.Title, "due: "))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("due today: %q, want %q", got, test.want)
			}
		})
	}
}
