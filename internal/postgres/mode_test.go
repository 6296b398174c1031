package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// queryModes returns what default_query_exec_mode may be. PgBouncer before 1.21
// needs exec; the others are what operators may put into the URL as well.
func pgtest.QueryModes() []string {
	return []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"}
}

func TestEveryOperationWorksInEveryQueryMode(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	for _, mode := range pgtest.QueryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			store := open(t, pgtest.WithParameter(url, "default_query_exec_mode", mode), 2)
			owner := user(t, mode)
			const text = `quo'te \ "é😀" $1 -- ;`
			first, err := store.CreateTodo(t.Context(), owner, draft(text))
			if err != nil {
				t.Fatal(err)
			}
			second := create(t, store, owner, "second")
			got := listAll(t, store, owner, todo.Query{Size: 1}, nil)
			if diff := cmp.Diff([]todo.Todo{second, first}, got); diff != "" {
				t.Error(diff)
			}
			change := todo.Change{Title: new("new"), Description: new(text), IsCompleted: new(true)}
			updated, err := store.UpdateTodo(t.Context(), owner, first.ID, change)
			if err != nil {
				t.Fatal(err)
			}
			if updated.Title != "new" || updated.Description != text || !updated.IsCompleted {
				t.Errorf("updated to %+v", updated)
			}
			page := list(t, store, owner, todo.Query{Size: 5, IsCompleted: new(true)})
			if diff := cmp.Diff(todo.Page{Todos: []todo.Todo{updated}}, page); diff != "" {
				t.Error(diff)
			}
			if err := store.DeleteTodo(t.Context(), owner, second.ID); err != nil {
				t.Error(err)
			}
			if err := store.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASchemaChangeDoesNotDisturbARunningStore(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openCrowd(t, url, 16)
	conn := pgtest.Connect(t, url)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	shared := newSomeCalls(t, store, user(t, "shared"))
	use := func() {
		t.Helper()
		store.share(t, shared.make(t.Context(), 20)...)()
		shared.want(20, nil)
		if _, err := store.GetTodo(t.Context(), owner, created.ID); err != nil {
			t.Errorf("GetTodo: %v", err)
		}
		if _, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Title: new("x")}); err != nil {
			t.Errorf("UpdateTodo: %v", err)
		}
		list(t, store, owner, todo.Query{Size: 10})
		create(t, store, owner, "another")
	}
	for _, sql := range []string{
		"ALTER TABLE todo ADD COLUMN priority integer NOT NULL DEFAULT 0",
		"ALTER TABLE todo ALTER COLUMN title TYPE text",
		"ALTER TABLE todo ALTER COLUMN created_at TYPE timestamptz(6)",
	} {
		use() // Prepares the statements.
		t.Log(sql)
		pgtest.ExecOn(t, conn, sql)
		use()
	}
}
