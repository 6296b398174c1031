package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// oddTimes are times that a table without the schema's checks may have, newest
// first. The API can't say the first four and the last three.
func oddTimes() []string {
	return []string{
		"infinity", "infinity", "294276-12-31 23:59:59.999999+00", "10000-01-01 00:00:00+00",
		"9999-12-31 23:59:59.999999+00", "2026-11-23 10:15:30.123456+00", "1969-12-31 23:59:59.999999+00", "1800-01-01 00:00:00+00", "0001-01-01 00:00:00+00",
		"0001-12-31 23:59:59.999999+00 BC", "4713-01-01 00:00:00+00 BC", "-infinity",
	}
}

func TestTimesThatTheAPICantSayCantBeStored(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.NewDatabase(t))
	for i, at := range oddTimes() {
		for _, column := range []string{"created_at", "updated_at"} {
			_, err := conn.Exec(t.Context(), "INSERT INTO todo (title, user_id, "+column+") VALUES ('t', 'u', '"+at+"')")
			failed, isRefused := errors.AsType[*pgconn.PgError](err)
			if isOdd := i < 4 || i > 8; isRefused != isOdd || isRefused && failed.ConstraintName != "ck_todo_"+column+"_in_range" {
				t.Errorf("%s %s: %v", column, at, err)
			}
		}
	}
}

// TestARowOfAnOddTimeIsListedAndHidesNoOther is about a table that had them
// before the checks.
func TestARowOfAnOddTimeIsListedAndHidesNoOther(t *testing.T) {
	t.Parallel()
	for _, mode := range pgtest.QueryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			url := pgtest.NewDatabase(t)
			conn := pgtest.Connect(t, url)
			pgtest.ExecOn(t, conn, "ALTER TABLE todo DROP CONSTRAINT ck_todo_created_at_in_range, DROP CONSTRAINT ck_todo_updated_at_in_range")
			var want []string
			for i, at := range oddTimes() {
				title := fmt.Sprintf("%02d", i)
				pgtest.ExecOn(t, conn, "INSERT INTO todo (id, title, user_id, created_at, updated_at) VALUES ('00000000-0000-0000-0000-0000000000"+
					fmt.Sprintf("%02x", 0xf0-i)+"', '"+title+"', 'u', '"+at+"', '"+at+"')")
				want = append(want, title)
			}
			pgtest.ExecOn(t, conn, "UPDATE todo SET due_date = (ARRAY['infinity', '5874897-12-31', '294277-01-01', '10000-01-01', '4713-01-01 BC', '-infinity']::date[])[title::int] WHERE title::int BETWEEN 1 AND 6")
			pgtest.ExecOn(t, conn, "ALTER TABLE todo ADD CONSTRAINT ck_todo_created_at_in_range CHECK (created_at < '10000-01-01') NOT VALID")
			store, log := openLogged(t, pgtest.WithParameter(url, "default_query_exec_mode", mode), 2)
			owner := user(t, "u")
			var all []todo.Todo
			for size := range 5 {
				all = listAll(t, store, owner, todo.Query{Size: size + 1}, nil)
				var got []string
				for _, one := range all {
					got = append(got, one.Title)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("pages of %d (-want +got):\n%s", size+1, diff)
				}
			}
			for name, order := range orders() {
				listed := make(map[todo.ID]bool)
				for _, one := range listAll(t, store, owner, todo.Query{Size: 1, Order: order, Filter: todo.Filter{Words: []string{"0"}}}, nil) {
					listed[one.ID] = true
				}
				if want := len(all) - 1; len(listed) != want { // But for number 11.
					t.Errorf("by %s: %d of %d are listed", name, len(listed), want)
				}
			}
			for _, one := range all {
				found, err := store.GetTodo(t.Context(), owner, one.ID)
				if diff := cmp.Diff(one, found); err != nil || diff != "" {
					t.Errorf("%s: %v (-list +get)\n%s", one.Title, err, diff)
				}
				again, err := store.CreateTodo(t.Context(), owner, todo.Draft{ID: &one.ID, Title: one.Title})
				// The same, or the nearest that callers can be told.
				isSame, isOdd := again.CreatedAt.Equal(one.CreatedAt), !todo.IsTime(one.CreatedAt)
				if err != nil || !isSame && !(isOdd && todo.IsTime(again.CreatedAt)) {
					t.Errorf("%s, created again: %v %v", one.Title, again.CreatedAt, err)
				}
				// With the check there, though not for the rows before it.
				changed, err := store.UpdateTodo(t.Context(), owner, one.ID, todo.Change{Title: new(one.Title + "!")})
				if err != nil || !todo.IsTime(changed.CreatedAt) || !todo.IsTime(changed.UpdatedAt) {
					t.Errorf("%s, changed: %+v, %v", one.Title, changed, err)
				}
				if todo.IsTime(one.CreatedAt) && (!changed.CreatedAt.Equal(one.CreatedAt) || one.UpdatedAt.Year() < 9999 && !changed.UpdatedAt.After(one.UpdatedAt)) {
					t.Errorf("%s was %+v, is %+v", one.Title, one, changed)
				}
				if err := store.DeleteTodo(t.Context(), owner, one.ID, todo.Deletion{}); err != nil {
					t.Errorf("%s, deleted: %v", one.Title, err)
				}
			}
			if got := strings.Count(log.String(), "a time before year 1"); got != 1 {
				t.Errorf("%d lines about the times, want 1:\n%s", got, log.String())
			}
		})
	}
}

// TestAListGoesOnFromAnyPlace is about places that a caller has made up.
func TestAListGoesOnFromAnyPlace(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	for _, mode := range []string{"cache_statement", "exec", "simple_protocol"} {
		store := open(t, pgtest.WithParameter(url, "default_query_exec_mode", mode), 1)
		owner := user(t, mode)
		created := create(t, store, owner, "t")
		for _, micro := range []int64{-1 << 63, -1<<63 + 1, -210_866_803_200_000_001, -210_866_803_200_000_000, -1, 0, 1<<63 - 2, 1<<63 - 1} {
			page, err := store.ListTodos(t.Context(), owner, todo.Query{Size: 5, After: &todo.Cursor{At: time.UnixMicro(micro).UTC()}})
			if want := time.UnixMicro(micro).After(created.CreatedAt); err != nil || (len(page.Todos) == 1) != want {
				t.Errorf("%s: from %d on: %+v, %v", mode, micro, page, err)
			}
		}
	}
}

// TestARowWithoutWhatTheSchemaWantsHidesNoOther is about a table whose columns
// had no NOT NULL.
func TestARowWithoutWhatTheSchemaWantsHidesNoOther(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	conn := pgtest.Connect(t, url)
	pgtest.ExecOn(t, conn, `
		ALTER TABLE todo ALTER title DROP NOT NULL, ALTER is_completed DROP NOT NULL, ALTER updated_at DROP NOT NULL;
		INSERT INTO todo (title, user_id) VALUES ('good', 'u');
		INSERT INTO todo (title, is_completed, updated_at, user_id, created_at) SELECT n, n::boolean, n::timestamptz, 'u', '2020-01-01' FROM (VALUES (NULL)) AS nothing (n)`)
	for _, mode := range pgtest.QueryModes() {
		store := open(t, pgtest.WithParameter(url, "default_query_exec_mode", mode), 1)
		page := list(t, store, user(t, "u"), todo.Query{Size: 5})
		if len(page.Todos) != 2 || page.Todos[0].Title != "good" || page.Todos[1].Title != "" || page.Todos[1].IsCompleted {
			t.Errorf("%s: %+v", mode, page)
		}
	}
}
