package postgres_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/todo"
)

// twoUsers is what a method of the store is tried on: a todo of Alice's, and
// Mallory, who knows all about it.
type twoUsers struct {
	*testing.T
	store          todo.Store
	url            string // Of the store's database.
	alice, mallory todo.UserID
	alices         todo.Todo
}

// sameAsNone wants what is said of somebody else's todo to be said of one that
// was never made.
func (u twoUsers) sameAsNone(foreign, none error) {
	u.Helper()
	if !errors.Is(foreign, todo.ErrNotFound) {
		u.Errorf("another's todo: %v, want ErrNotFound", foreign)
	}
	if foreign == nil || none == nil || foreign.Error() != none.Error() {
		u.Errorf("another's todo: %v, one never made: %v, want the same", foreign, none)
	}
}

// versions returns none, the version of Alice's todo, and another one.
func (u twoUsers) versions() []todo.Version {
	return []todo.Version{{}, u.alices.Version, todo.VersionAt(u.alices.UpdatedAt.Add(-time.Hour))}
}

// isolationCases says for each method of todo.Store that it keeps Mallory away
// from Alice's todos. That hers are unchanged afterwards is checked for all.
func isolationCases() map[string]func(twoUsers) {
	return map[string]func(twoUsers){
		"CreateTodo": func(u twoUsers) {
			created := create(u.T, u.store, u.mallory, "mine")
			if _, err := u.store.GetTodo(u.Context(), u.mallory, created.ID); err != nil {
				u.Errorf("Mallory has no access to her own: %v", err)
			}
			// An id that is taken says so, and not by whom: hers or Alice's.
			mine := todo.Draft{ID: &created.ID, Title: "other content"}
			_, own := u.store.CreateTodo(u.Context(), u.mallory, mine)
			for _, title := range []string{u.alices.Title, "other content"} {
				guess := todo.Draft{ID: &u.alices.ID, Title: title}
				got, foreign := u.store.CreateTodo(u.Context(), u.mallory, guess)
				if !errors.Is(foreign, todo.ErrAlreadyExists) || own == nil || own.Error() != foreign.Error() {
					u.Errorf("Alice's id: %v, Mallory's own: %v, want the same", foreign, own)
				}
				if got != (todo.Todo{}) {
					u.Errorf("Mallory is shown %+v", got)
				}
			}
		},
		"GetTodo": func(u twoUsers) {
			_, foreign := u.store.GetTodo(u.Context(), u.mallory, u.alices.ID)
			_, none := u.store.GetTodo(u.Context(), u.mallory, neverMade())
			u.sameAsNone(foreign, none)
		},
		"ListTodos": func(u twoUsers) {
			mine := create(u.T, u.store, u.mallory, "mine")
			for _, query := range []todo.Query{
				{Size: 10},
				{Size: 10, IsCompleted: new(false)},
				{Size: 10, After: &todo.Cursor{At: mine.CreatedAt.AddDate(1, 0, 0), ID: u.alices.ID}},
			} {
				page, err := u.store.ListTodos(u.Context(), u.mallory, query)
				if err != nil {
					u.Fatal(err)
				}
				if diff := cmp.Diff(todo.Page{Todos: []todo.Todo{mine}}, page); diff != "" {
					u.Errorf("Mallory's list:\n%s", diff)
				}
			}
			page, err := u.store.ListTodos(u.Context(), u.mallory, todo.Query{Size: 1})
			if err != nil {
				u.Fatal(err)
			}
			if page.Next != nil {
				u.Errorf("Alice's todos make Mallory's list go on: %+v", page)
			}
		},
		"UpdateTodo": func(u twoUsers) {
			for _, version := range u.versions() {
				change := todo.Change{Title: new("taken over"), IsCompleted: new(true), If: version}
				_, foreign := u.store.UpdateTodo(u.Context(), u.mallory, u.alices.ID, change)
				_, none := u.store.UpdateTodo(u.Context(), u.mallory, neverMade(), change)
				u.sameAsNone(foreign, none)
			}
		},
		"DeleteTodo": func(u twoUsers) {
			for _, version := range u.versions() {
				foreign := u.store.DeleteTodo(u.Context(), u.mallory, u.alices.ID, todo.Deletion{If: version})
				none := u.store.DeleteTodo(u.Context(), u.mallory, neverMade(), todo.Deletion{If: version})
				u.sameAsNone(foreign, none)
			}
		},
	}
}

func TestNoMethodReachesAnotherUsersTodos(t *testing.T) {
	t.Parallel()
	cases := isolationCases()
	cases["CreateTodo within a bound"] = createWithinBound
	for name, try := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, url := newStore(t)
			u := twoUsers{T: t, store: store, url: url, alice: user(t, "alice"), mallory: user(t, "mallory")}
			u.alices = create(t, store, u.alice, "hers")
			query := todo.Query{Size: 10}
			before := list(t, store, u.alice, query)
			try(u)
			if diff := cmp.Diff(before, list(t, store, u.alice, query)); diff != "" {
				t.Errorf("Alice's todos changed:\n%s", diff)
			}
		})
	}
}

// createWithinBound is the case of CreateTodo on a store that bounds how many
// todos an owner has: a statement of its own.
func createWithinBound(u twoUsers) {
	u.store = openBound(u.T, u.url, 16, 2)
	isolationCases()["CreateTodo"](u)
	// Alice's todo takes none of Mallory's room, and no room tells her nothing.
	create(u.T, u.store, u.mallory, "also mine")
	for name, id := range map[string]todo.ID{"Alice's id": u.alices.ID, "a new id": neverMade()} {
		_, err := u.store.CreateTodo(u.Context(), u.mallory, todo.Draft{ID: &id, Title: u.alices.Title})
		if !errors.Is(err, todo.ErrTooMany) {
			u.Errorf("%s without any room left: %v, want ErrTooMany", name, err)
		}
	}
}

func TestEveryMethodHasAnIsolationCase(t *testing.T) {
	t.Parallel()
	cases := isolationCases()
	for method := range reflect.TypeFor[todo.Store]().Methods() {
		if cases[method.Name] == nil {
			t.Errorf("todo.Store.%s has no case with two users", method.Name)
		}
		delete(cases, method.Name)
	}
	for name := range cases {
		t.Errorf("todo.Store has no method %s", name)
	}
}
