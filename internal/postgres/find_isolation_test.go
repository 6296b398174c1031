package postgres_test

import (
	"time"

	"example.com/todo-backend/internal/todo"
)

// filteredLists is the case of ListTodos for each order and filter: Alice and Mallory have
// todos that are alike.
func filteredLists(u twoUsers) {
	draft := todo.Draft{
		Title: "secret", Tags: todo.NewTags([]string{"shared"}), Priority: todo.HighPriority, Position: "a0",
		Due: todo.Due{Date: "2026-11-29", Time: "12:00", Zone: "Europe/Berlin"},
	}
	var ids []todo.ID // Alice's, and Mallory's.
	for _, owner := range []todo.UserID{u.alice, u.mallory} {
		id := neverMade()
		id[0] = byte(len(ids))
		draft.ID = &id
		if _, err := u.store.CreateTodo(u.Context(), owner, draft); err != nil {
			u.Fatal(err)
		}
		ids = append(ids, id)
	}
	filters := map[string]todo.Filter{
		"any filter":       {UpdatedSince: time.Unix(0, 0)},
		"all tags":         {AllTags: []string{"shared"}},
		"any tags":         {AnyTags: []string{"shared"}},
		"a search":         {Words: []string{"secret"}},
		"priorities":       {Priorities: []todo.Priority{todo.HighPriority}},
		"due":              {DueFrom: "2026-11-29", DueTo: "2026-11-29"},
		"a search of hers": {Words: []string{"hers"}},
	}
	check := func(what string, query todo.Query) {
		u.Helper()
		want := 1
		if len(query.Filter.Words) > 0 && query.Filter.Words[0] == "hers" {
			want = 0
		}
		// A page of one has a next page when there is more to read.
		query.Size = 1
		page, err := u.store.ListTodos(u.Context(), u.mallory, query)
		if err != nil || len(page.Todos) != want || want == 1 && page.Todos[0].ID != ids[1] || page.Next != nil {
			u.Errorf("Mallory's list by %s: %+v, %v", what, page, err)
		}
		// Alice's place is a place in Mallory's list, and nothing else.
		query.After = &todo.Cursor{At: time.Unix(0, 0), Position: "A", ID: ids[0]}
		if query.InTrash || query.Order != todo.ByDue && query.Order != todo.ByPosition {
			query.After = &todo.Cursor{At: time.Now().AddDate(1, 0, 0), Priority: todo.HighPriority + 1, ID: ids[0]}
		}
		page, err = u.store.ListTodos(u.Context(), u.mallory, query)
		if err != nil || len(page.Todos) != want || want == 1 && page.Todos[0].ID != ids[1] {
			u.Errorf("Mallory's list by %s, from Alice's place: %+v, %v", what, page, err)
		}
	}
	for what, filter := range filters {
		for name, order := range orders() {
			check(what+" and "+name, todo.Query{Filter: filter, Order: order})
		}
	}
	for name, order := range orders() {
		check(name, todo.Query{Order: order})
	}
	remove(u.T, u.store, u.alice, ids[0], false)
	remove(u.T, u.store, u.mallory, ids[1], false)
	for what, filter := range filters {
		check(what+" in the trash", todo.Query{Filter: filter, InTrash: true})
	}
}
