package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

func TestSessionDefaultsOfTheDatabaseOrTheRoleChangeNothing(t *testing.T) {
	t.Parallel()
	for _, mode := range pgtest.QueryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			url := pgtest.NewDatabase(t) // Of its own: serializable transactions conflict with all that write.
			pgtest.Exec(t, url, "ALTER TABLE todo DROP CONSTRAINT ck_todo_created_at_in_range")
			pgtest.OddDefaults(t, url)
			store := open(t, pgtest.WithParameter(url, "default_query_exec_mode", mode), 4)
			owner := user(t, "ü-"+mode)
			const text = `it's \ é 😀 日本 "\n" $1`
			made := draft(text)
			created, err := store.CreateTodo(t.Context(), owner, made)
			if err != nil {
				t.Fatal(err)
			}
			// To somebody who reads what is stored, as UTF-8.
			if stored := pgtest.QueryText(t, pgtest.Connect(t, pgtest.WithParameter(url, "client_encoding", "UTF8")), "SELECT title FROM todo WHERE id = '"+created.ID.String()+"'"); stored != text {
				t.Errorf("stored as %q", stored)
			}
			again, err := store.CreateTodo(t.Context(), owner, made)
			if diff := cmp.Diff(asCreated(created), again); err != nil || diff != "" {
				t.Errorf("created again: %v\n%s", err, diff)
			}
			if since := time.Since(created.CreatedAt); since < -time.Minute || since > time.Hour {
				t.Errorf("created at %v", created.CreatedAt)
			}
			// Before standard time, offsets have seconds.
			pgtest.Exec(t, pgtest.WithParameter(url, "client_encoding", "UTF8"), "INSERT INTO todo (title, user_id, created_at) VALUES ('old', '"+owner.String()+"', '1880-01-02 03:04:05+00')")
			changed, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Description: new(text), IsCompleted: new(true)})
			if err != nil || changed.Description != text || !changed.UpdatedAt.After(created.UpdatedAt) {
				t.Errorf("changed to %+v, %v", changed, err)
			}
			all := listAll(t, store, owner, todo.Query{Size: 1}, nil)
			if len(all) != 2 || !cmp.Equal(all[0], changed) || all[0].Title != text || !all[1].CreatedAt.Equal(time.Date(1880, 1, 2, 3, 4, 5, 0, time.UTC)) {
				t.Errorf("listed as %+v", all)
			}
			if err := store.DeleteTodo(t.Context(), owner, created.ID, todo.Deletion{}); err != nil {
				t.Error(err)
			}
			if err := store.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
