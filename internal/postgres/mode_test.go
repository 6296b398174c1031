package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

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
			zone, _ := zoneNamed(t, "Europe/Berlin")
			due := create(t, store, owner, "x"+text)
			if _, err := store.UpdateTodo(t.Context(), owner, due.ID, todo.Change{
				Due: todo.DueChange{Date: new("2026-11-29"), Time: new("12:00"), Zone: new("")}, Priority: new(todo.LowPriority),
				Tags: todo.TagsChange{Add: todo.NewTags([]string{`Q"u'o\te,{}`})}, Position: new("a0"),
			}); err != nil {
				t.Fatal(err)
			}
			for name, order := range orders() {
				query := todo.Query{IsCompleted: new(false), Order: order, Zone: zone, Size: 1, Filter: todo.Filter{
					Words: todo.SearchWords(text), AllTags: []string{`q"u'o\te,{}`}, AnyTags: []string{"a", `q"u'o\te,{}`},
					Priorities: []todo.Priority{todo.LowPriority, todo.HighPriority}, DueFrom: "2026-11-29", DueTo: "2026-11-29", UpdatedSince: due.CreatedAt,
				}}
				page := list(t, store, owner, query)
				if len(page.Todos) != 1 || page.Todos[0].ID != due.ID {
					t.Errorf("by %s: %+v", name, page)
				}
				query.After = &page.Cursors[0]
				if page := list(t, store, owner, query); len(page.Todos) != 0 {
					t.Errorf("by %s, after the last: %+v", name, page)
				}
			}
			remove(t, store, owner, due.ID, true)
			if err := store.DeleteTodo(t.Context(), owner, second.ID, todo.Deletion{}); err != nil {
				t.Error(err)
			}
			request := applyRequest(todo.UpdateOperation{ID: first.ID, Change: change}, todo.DeleteOperation{ID: second.ID}, todo.CreateOperation{Draft: draft(text)})
			for range 2 {
				if got, want := apply(t, store, owner, request), "ok | todo not found | ok"; got != want {
					t.Errorf("applied: %s, want %s", got, want)
				}
			}
			if err := store.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
