package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// detailed returns a draft with all details.
func detailed(title string) todo.Draft {
	d := draft(title)
	d.Due = todo.Due{Date: "2026-12-01", Time: "09:00", Zone: "Europe/Berlin"}
	d.Priority, d.Tags, d.Position = todo.HighPriority, todo.NewTags([]string{"Home", "Ärger", `q"uo'te\`}), "a0V"
	return d
}

// createOf stores a draft.
func createOf(t *testing.T, store todo.Store, owner todo.UserID, d todo.Draft) todo.Todo {
	t.Helper()
	created, err := store.CreateTodo(t.Context(), owner, d)
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// details returns what a todo has besides title and description.
func details(of todo.Todo) todo.Todo {
	return todo.Todo{Due: of.Due, Priority: of.Priority, Tags: of.Tags, Position: of.Position}
}

func TestDetailsAreKeptInEveryQueryMode(t *testing.T) {
	t.Parallel()
	for _, mode := range pgtest.QueryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			url := pgtest.NewDatabase(t) // Of its own: serializable transactions conflict with all that write.
			pgtest.OddDefaults(t, url)
			store := open(t, pgtest.WithParameter(url, "default_query_exec_mode", mode), 2)
			owner := user(t, mode)
			for _, due := range []todo.Due{
				{},
				{Date: "0001-01-01"},
				{Date: "9999-12-31", Time: "23:59"},
				{Date: "2024-02-29", Time: "00:00", Zone: "Pacific/Kiritimati"},
			} {
				d := detailed("t")
				d.Due = due
				created := createOf(t, store, owner, d)
				want := todo.Todo{Due: due, Priority: d.Priority, Tags: d.Tags, Position: d.Position}
				if diff := cmp.Diff(want, details(created)); diff != "" {
					t.Errorf("created:\n%s", diff)
				}
				got, err := store.GetTodo(t.Context(), owner, created.ID)
				if diff := cmp.Diff(created, got); err != nil || diff != "" {
					t.Errorf("read: %v\n%s", err, diff)
				}
				changed, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{
					Due: todo.DueChange{Date: new("2027-01-02"), Time: new("10:30"), Zone: new("America/New_York")}, Priority: new(todo.LowPriority),
					Tags: todo.TagsChange{Add: todo.Tags{"hOME", "new"}, Remove: todo.Tags{"ÄRGER"}}, Position: new("Zz"),
				})
				want = todo.Todo{
					Due: todo.Due{Date: "2027-01-02", Time: "10:30", Zone: "America/New_York"}, Priority: todo.LowPriority,
					Tags: todo.Tags{"Home", "new", `q"uo'te\`}, Position: "Zz",
				}
				if diff := cmp.Diff(want, details(changed)); err != nil || diff != "" {
					t.Errorf("changed: %v\n%s", err, diff)
				}
				changes, err := store.ListChanges(t.Context(), owner, nil, 10)
				if err != nil || len(changes.Todos) == 0 || !cmp.Equal(changed, changes.Todos[len(changes.Todos)-1]) {
					t.Errorf("changes end with another todo than %+v: %+v, %v", changed, changes, err)
				}
				cleared, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{
					Due: todo.DueChange{Date: new("")}, Priority: new(todo.NoPriority), Tags: todo.TagsChange{Replace: new(todo.Tags)}, Position: new(""),
				})
				if diff := cmp.Diff(todo.Todo{}, details(cleared)); err != nil || diff != "" {
					t.Errorf("cleared: %v\n%s", err, diff)
				}
			}
		})
	}
}

// TestOnlyTheServiceComputesInstants reads what stands in the table: an instant for a
// time in a zone, and none else.
func TestOnlyTheServiceComputesInstants(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	const stored = "SELECT COALESCE((due_at AT TIME ZONE interval '0')::text, 'none') FROM todo WHERE id = '%v'"
	conn := pgtest.Connect(t, url)
	want := func(what string, id todo.ID, want string) {
		t.Helper()
		if got := pgtest.QueryText(t, conn, fmt.Sprintf(stored, id)); got != want {
			t.Errorf("%s: due at %s, want %s", what, got, want)
		}
	}
	made := createOf(t, store, owner, detailed("t"))
	want("09:00 in Berlin in winter", made.ID, "2026-12-01 08:00:00")
	for _, step := range []struct {
		what   string
		change todo.DueChange
		want   string
	}{
		{"the zone alone", todo.DueChange{Zone: new("Asia/Tokyo")}, "2026-12-01 00:00:00"},
		{"the day alone", todo.DueChange{Date: new("2026-12-02")}, "2026-12-02 00:00:00"},
		{"the zone away", todo.DueChange{Zone: new("")}, "none"},
		{"the zone back", todo.DueChange{Zone: new("Asia/Tokyo")}, "2026-12-02 00:00:00"},
		{"the time alone", todo.DueChange{Time: new("09:01")}, "2026-12-02 00:01:00"},
		{"the time away", todo.DueChange{Time: new("")}, "none"},
		{"another day and time", todo.DueChange{Date: new("2026-07-01"), Time: new("09:00")}, "none"},
		{"its zone", todo.DueChange{Zone: new("Europe/Berlin")}, "2026-07-01 07:00:00"},
		{"nothing left", todo.DueChange{Date: new("")}, "none"},
	} {
		if _, err := store.UpdateTodo(t.Context(), owner, made.ID, todo.Change{Due: step.change}); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		want(step.what, made.ID, step.want)
	}
}

func TestAnInvalidMergeChangesNothingAndNamesTheField(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	allDay, undated := draft("all day"), draft("undated")
	allDay.Due.Date = "2026-12-01"
	for _, made := range []todo.Draft{allDay, undated, detailed("detailed")} {
		before := createOf(t, store, owner, made)
		tags := make(todo.Tags, todo.MaxTags)
		for i := range tags {
			tags[i] = fmt.Sprint("tag ", i)
		}
		for what, test := range map[string]struct {
			change  todo.Change
			refused map[string]bool // Of which todos.
			field   todo.Field
		}{
			"a time without a date":   {todo.Change{Due: todo.DueChange{Time: new("09:00")}}, map[string]bool{"undated": true}, todo.FieldDueTime},
			"a zone without a time":   {todo.Change{Due: todo.DueChange{Zone: new("UTC")}}, map[string]bool{"undated": true, "all day": true}, todo.FieldDueTimeZone},
			"a zone that nobody has":  {todo.Change{Due: todo.DueChange{Date: new("2026-01-01"), Time: new("09:00"), Zone: new("Mars/Olympus")}}, map[string]bool{"undated": true, "all day": true, "detailed": true}, todo.FieldDueTimeZone},
			"more tags than may be":   {todo.Change{Tags: todo.TagsChange{Add: tags}}, map[string]bool{"detailed": true}, todo.FieldAddTags},
			"a day away, with a time": {todo.Change{Due: todo.DueChange{Date: new(""), Time: new("09:00")}}, map[string]bool{"undated": true, "all day": true, "detailed": true}, todo.FieldDueTime},
		} {
			for _, version := range []todo.Version{{}, before.Version} {
				test.change.If = version
				// In a transaction too, which a failed statement would end.
				request := applyRequest(todo.UpdateOperation{ID: before.ID, Change: test.change})
				request.IsAtomic = true
				for name, update := range map[string]func() error{
					"alone": func() error {
						_, err := store.UpdateTodo(t.Context(), owner, before.ID, test.change)
						return err
					},
					"in a request": func() error {
						results, err := store.ApplyTodos(t.Context(), owner, request)
						if err != nil {
							t.Fatal(err)
						}
						return results[0].Err
					},
				} {
					if !test.refused[before.Title] {
						continue
					}
					err := update()
					if fault, ok := errors.AsType[*todo.FieldError](err); !ok || fault.Field != test.field || !errors.Is(err, todo.ErrInvalid) {
						t.Errorf("%s of the %s, %s: %v, want a fault of %s", what, before.Title, name, err, test.field)
					}
				}
			}
		}
		if got, err := store.GetTodo(t.Context(), owner, before.ID); err != nil || !cmp.Equal(before, got) {
			t.Errorf("changed to %+v, %v", got, err)
		}
	}
}

// TestPartsOfADueDateThatAreChangedAtOnceAreAllKept has callers who each change one part,
// and so read the todo first.
func TestPartsOfADueDateThatAreChangedAtOnceAreAllKept(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	made := createOf(t, store, owner, detailed("t"))
	changes := []todo.Change{
		{Due: todo.DueChange{Date: new("2027-05-06")}},
		{Due: todo.DueChange{Time: new("07:08")}},
		{Due: todo.DueChange{Zone: new("Asia/Tokyo")}},
		{Tags: todo.TagsChange{Add: todo.Tags{"one"}}},
		{Tags: todo.TagsChange{Add: todo.Tags{"two"}, Remove: todo.Tags{"home"}}},
		{Priority: new(todo.LowPriority)},
	}
	var group sync.WaitGroup
	for _, change := range changes {
		group.Go(func() {
			if _, err := store.UpdateTodo(t.Context(), owner, made.ID, change); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got, err := store.GetTodo(t.Context(), owner, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := todo.Todo{
		Due: todo.Due{Date: "2027-05-06", Time: "07:08", Zone: "Asia/Tokyo"}, Priority: todo.LowPriority,
		Tags: todo.Tags{"one", `q"uo'te\`, "two", "Ärger"}, Position: "a0V",
	}
	if diff := cmp.Diff(want, details(got)); diff != "" {
		t.Error(diff)
	}
}

// TestATodoOfAnUnknownZoneTellsWhoseZoneItIs is about a zone that a process with a newer
// database has stored.
func TestATodoOfAnUnknownZoneTellsWhoseZoneItIs(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	made := createOf(t, store, owner, detailed("t"))
	pgtest.Exec(t, url, "UPDATE todo SET due_time_zone = 'America/New_Zone'")
	for name, test := range map[string]struct {
		due  todo.DueChange
		rule string // Empty for none that is broken.
	}{
		"the day alone":       {todo.DueChange{Date: new("2026-12-02")}, "due_time_zone.known"},
		"the time alone":      {todo.DueChange{Time: new("10:00")}, "due_time_zone.known"},
		"the zone once more":  {todo.DueChange{Zone: new("America/New_Zone")}, "zone_name.known"},
		"no part of it":       {todo.DueChange{}, ""},
		"a day without times": {todo.DueChange{Date: new("2026-12-02"), Time: new("")}, ""},
		"another zone":        {todo.DueChange{Zone: new("America/New_York")}, ""},
	} {
		change := todo.Change{Priority: new(todo.LowPriority), Due: test.due}
		_, err := store.UpdateTodo(t.Context(), owner, made.ID, change)
		var rule string
		if fault, ok := errors.AsType[*todo.FieldError](err); ok && fault.Field == todo.FieldDueTimeZone {
			rule = fault.Rule
		}
		if rule != test.rule || rule == "" && err != nil {
			t.Errorf("%s: %v, want one of %q", name, err, test.rule)
		}
		pgtest.Exec(t, url, "UPDATE todo SET due_date = '2026-12-01', due_time = '09:00', due_time_zone = 'America/New_Zone'")
	}
}

// TestAMergeTriesAgainWhenTheTodoWasChangedMeanwhile holds the row while the update, which
// has read it, waits for its lock.
func TestAMergeTriesAgainWhenTheTodoWasChangedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, isConditional := range map[string]bool{"without an etag": false, "with an etag": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, url := newStore(t)
			owner := user(t, "u")
			made := createOf(t, store, owner, detailed("t"))
			change := todo.Change{Due: todo.DueChange{Time: new("07:08")}}
			if isConditional {
				change.If = made.Version
			}
			tx := pgtest.Begin(t, url, fmt.Sprintf("UPDATE todo SET due_date = '2027-05-06', updated_at = updated_at + interval '1 hour' WHERE id = '%v'", made.ID))
			failed := make(chan error, 1)
			go func() {
				_, err := store.UpdateTodo(t.Context(), owner, made.ID, change)
				failed <- err
			}()
			pgtest.WaitForLocked(t, url, 1)
			if _, err := tx.Exec(t.Context(), "COMMIT"); err != nil {
				t.Fatal(err)
			}
			err := <-failed
			got, getErr := store.GetTodo(t.Context(), owner, made.ID)
			if getErr != nil {
				t.Fatal(getErr)
			}
			want := todo.Due{Date: "2027-05-06", Time: "07:08", Zone: "Europe/Berlin"}
			if isConditional {
				wantConflict(t, "the update", err, got)
				want.Time = "09:00"
			} else if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(want, got.Due); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompletedAtIsTheTimeOfTheFirstCompletion(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	made := create(t, store, owner, "t")
	update := func(change todo.Change) todo.Todo {
		t.Helper()
		changed, err := store.UpdateTodo(t.Context(), owner, made.ID, change)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	first := update(todo.Change{IsCompleted: new(true)})
	if first.CompletedAt.Before(made.CreatedAt) || first.CompletedAt.After(first.UpdatedAt) {
		t.Errorf("completed at %v, created at %v, changed at %v", first.CompletedAt, made.CreatedAt, first.UpdatedAt)
	}
	for what, change := range map[string]todo.Change{
		"completed again":   {IsCompleted: new(true)},
		"another title":     {Title: new("u")},
		"another priority":  {Priority: new(todo.HighPriority)},
		"both, with a date": {IsCompleted: new(true), Due: todo.DueChange{Date: new("2026-01-01")}},
	} {
		if got := update(change); !got.CompletedAt.Equal(first.CompletedAt) {
			t.Errorf("%s: completed at %v, want %v", what, got.CompletedAt, first.CompletedAt)
		}
	}
	for _, change := range []todo.Change{{IsCompleted: new(false)}, {IsCompleted: new(false), Priority: new(todo.LowPriority)}} {
		if got := update(change); !got.CompletedAt.IsZero() {
			t.Errorf("not completed: at %v", got.CompletedAt)
		}
		if got := update(todo.Change{IsCompleted: new(true), Priority: change.Priority}); !got.CompletedAt.After(first.CompletedAt) {
			t.Errorf("completed anew at %v, first at %v", got.CompletedAt, first.CompletedAt)
		}
	}
	// A process of before the column completes and resets the flag alone.
	conn := pgtest.Connect(t, url)
	pgtest.ExecOn(t, conn, "UPDATE todo SET is_completed = false")
	if got := update(todo.Change{Title: new("v")}); !got.CompletedAt.IsZero() {
		t.Errorf("reset by another process: completed at %v", got.CompletedAt)
	}
	pgtest.ExecOn(t, conn, "UPDATE todo SET is_completed = true, completed_at = NULL")
	if got := update(todo.Change{IsCompleted: new(true)}); !got.CompletedAt.IsZero() {
		t.Errorf("completed nobody knows when: at %v", got.CompletedAt)
	}
}

func TestAPurgedTodoHasNoDetails(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	one, other := createOf(t, store, owner, detailed("one")), createOf(t, store, owner, detailed("other"))
	remove(t, store, owner, one.ID, true)
	remove(t, store, owner, other.ID, false)
	if err := store.EmptyTrash(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	const left = "SELECT count(*)::text FROM todo WHERE num_nonnulls(due_date, due_time, due_time_zone, due_at, priority, tags, position) > 0"
	conn := pgtest.Connect(t, url)
	if got := pgtest.QueryText(t, conn, left); got != "0" {
		t.Errorf("%s purged todos have details", got)
	}
	// A process of before these columns leaves them.
	pgtest.ExecOn(t, conn, "UPDATE todo SET priority = 3, tags = '{\"a\": \"A\"}', due_date = '2026-01-01', position = 'a0'")
	changes, err := store.ListChanges(t.Context(), owner, nil, 10)
	if err != nil || len(changes.Todos) != 2 {
		t.Fatal(changes, err)
	}
	for _, purged := range changes.Todos {
		if diff := cmp.Diff(todo.Todo{}, details(purged)); diff != "" {
			t.Errorf("shown:\n%s", diff)
		}
	}
}

func TestARepeatedCreateComparesTheDetailsItHas(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	full := detailed("t")
	created := createOf(t, store, owner, full)
	for what, test := range map[string]struct {
		vary  func(*todo.Draft)
		taken bool
	}{
		"the same":         {vary: func(*todo.Draft) {}},
		"none":             {vary: func(d *todo.Draft) { *d = todo.Draft{ID: d.ID, Title: d.Title} }},
		"the day alone":    {vary: func(d *todo.Draft) { *d = todo.Draft{ID: d.ID, Title: d.Title, Due: todo.Due{Date: d.Due.Date}} }},
		"the tags alone":   {vary: func(d *todo.Draft) { *d = todo.Draft{ID: d.ID, Title: d.Title, Tags: d.Tags} }},
		"another day":      {vary: func(d *todo.Draft) { d.Due.Date = "2026-12-02" }, taken: true},
		"another time":     {vary: func(d *todo.Draft) { d.Due.Time = "09:01" }, taken: true},
		"another zone":     {vary: func(d *todo.Draft) { d.Due.Zone = "Europe/Paris" }, taken: true},
		"another priority": {vary: func(d *todo.Draft) { d.Priority = todo.LowPriority }, taken: true},
		"fewer tags":       {vary: func(d *todo.Draft) { d.Tags = d.Tags[:1] }, taken: true},
		"another position": {vary: func(d *todo.Draft) { d.Position = "a1" }, taken: true},
	} {
		again := full
		test.vary(&again)
		got, err := store.CreateTodo(t.Context(), owner, again)
		if test.taken {
			if !errors.Is(err, todo.ErrAlreadyExists) {
				t.Errorf("%s: %+v, %v, want ErrAlreadyExists", what, got, err)
			}
			continue
		}
		if diff := cmp.Diff(again.Created(created.CreatedAt), got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", what, err, diff)
		}
	}
}

// TestDetailsThatTheServiceWouldNotStoreHideNoTodo is about rows of other programs.
func TestDetailsThatTheServiceWouldNotStoreHideNoTodo(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	conn := pgtest.Connect(t, url)
	pgtest.ExecOn(t, conn, `
		INSERT INTO todo (user_id, title, due_date, due_time, priority, tags)
		SELECT 'u', n, d::date, t::time, p::smallint, j::jsonb
		FROM   (VALUES ('1', 'infinity', '24:00', '7', '[]'), ('2', '-infinity', '12:34:56', '-1', '"scalar"'), ('3', '0044-03-15 BC', NULL, '0', '{"a": 1, "b": "B", "c": null}'),
		               ('4', '10000-01-01', NULL, '0', 'null')) AS odd (n, d, t, p, j)`)
	want := []todo.Todo{
		{Due: todo.Due{Date: "9999-12-31", Time: "23:59"}},
		{Due: todo.Due{Date: "0001-01-01", Time: "12:34"}},
		{Due: todo.Due{Date: "0001-01-01"}, Tags: todo.Tags{"B"}},
		{Due: todo.Due{Date: "9999-12-31"}},
	}
	for _, mode := range pgtest.QueryModes() {
		store := open(t, pgtest.WithParameter(url, "default_query_exec_mode", mode), 1)
		owner := user(t, "u")
		got := make([]todo.Todo, len(want))
		page := list(t, store, owner, todo.Query{Size: 10})
		for _, one := range page.Todos {
			got[one.Title[0]-'1'] = details(one)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", mode, diff)
		}
	}
	pgtest.ExecOn(t, conn, "UPDATE todo SET position = '' WHERE title = '2'")
	store := open(t, url, 1)
	for name, order := range orders() {
		if all := listAll(t, store, user(t, "u"), todo.Query{Order: order, Size: 1}, nil); len(all) != len(want) {
			t.Errorf("by %s, one at a time: %d todos, want %d", name, len(all), len(want))
		}
	}
	for _, one := range list(t, store, user(t, "u"), todo.Query{Size: 10}).Todos {
		changed, err := store.UpdateTodo(t.Context(), user(t, "u"), one.ID, todo.Change{Tags: todo.TagsChange{Add: todo.Tags{"new"}}, Priority: new(todo.LowPriority)})
		if err != nil || len(changed.Tags) == 0 || time.Since(changed.UpdatedAt) > time.Hour {
			t.Errorf("%s, changed: %+v, %v", one.Title, changed, err)
		}
	}
}

// TestAPositionThatIsNoKeyIsReadAsNone is about rows of other programs, whose columns may be
// of the type text.
func TestAPositionThatIsNoKeyIsReadAsNone(t *testing.T) {
	t.Parallel()
	positions := []string{
		"", "0", "a", "0a", "a0", "a00", "a0V", "a-", "a0\n", " a0", "Zz", "Z0V0", "b0", "b00", "b000", "z0", "é0", "a0é", "ÿ", "\u2028",
		"A00000000000000000000000000", "A000000000000000000000000001", "M" + strings.Repeat("0", 14), "M" + strings.Repeat("0", 13),
		strings.Repeat("z", 255), strings.Repeat("z", 256), strings.Repeat("😀", 200),
	}
	store, url := newStore(t)
	owner, conn := user(t, "u"), pgtest.Connect(t, url)
	pgtest.ExecOn(t, conn, "ALTER TABLE todo ALTER COLUMN position TYPE text")
	if _, err := conn.Exec(t.Context(), "INSERT INTO todo (user_id, title, description, position) SELECT 'u', 'odd', p, p FROM unnest($1::text[]) AS p", positions); err != nil {
		t.Fatal(err)
	}
	all := listAll(t, store, owner, todo.Query{Order: todo.ByPosition, Size: 1}, func(page int, _ *todo.Query) {
		if page == len(positions) {
			t.Fatal("the list does not end")
		}
	})
	if len(all) != len(positions) {
		t.Errorf("%d todos, want %d", len(all), len(positions))
	}
	before := ""
	for _, one := range all {
		want := ""
		if todo.IsPosition(one.Description) {
			want = one.Description
		}
		place := string(one.AppendPosition(nil))
		if one.Position != want || place < before {
			t.Errorf("%q is read as %q, and comes after %q", one.Description, one.Position, before)
		}
		before = place
	}
}
