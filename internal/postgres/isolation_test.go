package postgres_test

import (
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
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
			for _, guess := range []todo.Draft{
				{ID: &u.alices.ID, Title: u.alices.Title},
				{ID: &u.alices.ID, Title: "other content"},
				{ID: &u.alices.ID, Title: u.alices.Title, Priority: todo.HighPriority},
			} {
				got, foreign := u.store.CreateTodo(u.Context(), u.mallory, guess)
				if !errors.Is(foreign, todo.ErrAlreadyExists) || own == nil || own.Error() != foreign.Error() {
					u.Errorf("Alice's id: %v, Mallory's own: %v, want the same", foreign, own)
				}
				if !cmp.Equal(got, todo.Todo{}) {
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
			mine := create(u.T, u.store, u.mallory, "mine")
			for _, change := range foreignChanges() {
				for _, version := range u.versions() {
					change.If = version
					_, foreign := u.store.UpdateTodo(u.Context(), u.mallory, u.alices.ID, change)
					_, none := u.store.UpdateTodo(u.Context(), u.mallory, neverMade(), change)
					u.sameAsNone(foreign, none)
				}
				u.checkRevision(u.mallory)
			}
			if _, err := u.store.UpdateTodo(u.Context(), u.mallory, mine.ID, todo.Change{Tags: todo.TagsChange{Add: todo.Tags{"mine"}}}); err != nil {
				u.Error(err)
			}
			u.checkRevision(u.mallory)
			if _, err := u.store.UpdateTodo(u.Context(), u.mallory, mine.ID, todo.Change{IsCompleted: new(true)}); err != nil {
				u.Error(err)
			}
		},
		"DeleteTodo": func(u twoUsers) {
			for _, permanently := range []bool{false, true} {
				mine := create(u.T, u.store, u.mallory, "mine")
				for _, version := range u.versions() {
					deletion := todo.Deletion{If: version, Permanently: permanently}
					foreign := u.store.DeleteTodo(u.Context(), u.mallory, u.alices.ID, deletion)
					none := u.store.DeleteTodo(u.Context(), u.mallory, neverMade(), deletion)
					u.sameAsNone(foreign, none)
				}
				u.checkRevision(u.mallory)
				if err := u.store.DeleteTodo(u.Context(), u.mallory, mine.ID, todo.Deletion{Permanently: permanently}); err != nil {
					u.Error(err)
				}
				u.checkRevision(u.mallory)
			}
		},
		"UndeleteTodo": func(u twoUsers) {
			hers, mine := create(u.T, u.store, u.alice, "her trash"), create(u.T, u.store, u.mallory, "mine")
			for owner, id := range map[todo.UserID]todo.ID{u.alice: hers.ID, u.mallory: mine.ID} {
				if err := u.store.DeleteTodo(u.Context(), owner, id, todo.Deletion{}); err != nil {
					u.Fatal(err)
				}
			}
			for _, version := range u.versions() {
				for _, id := range []todo.ID{hers.ID, u.alices.ID} {
					_, foreign := u.store.UndeleteTodo(u.Context(), u.mallory, id, version)
					_, none := u.store.UndeleteTodo(u.Context(), u.mallory, neverMade(), version)
					u.sameAsNone(foreign, none)
				}
			}
			u.checkRevision(u.mallory)
			if _, err := u.store.UndeleteTodo(u.Context(), u.mallory, mine.ID, todo.Version{}); err != nil {
				u.Error(err)
			}
		},
		"EmptyTrash": func(u twoUsers) {
			hers, mine := create(u.T, u.store, u.alice, "her trash"), create(u.T, u.store, u.mallory, "mine")
			if err := u.store.DeleteTodo(u.Context(), u.alice, hers.ID, todo.Deletion{}); err != nil {
				u.Fatal(err)
			}
			for range 2 {
				if err := u.store.EmptyTrash(u.Context(), u.mallory); err != nil {
					u.Fatal(err)
				}
				u.checkRevision(u.mallory)
				if err := u.store.DeleteTodo(u.Context(), u.mallory, mine.ID, todo.Deletion{}); err != nil && !errors.Is(err, todo.ErrNotFound) {
					u.Fatal(err)
				}
			}
			trash, err := u.store.ListTodos(u.Context(), u.alice, todo.Query{Size: 10, InTrash: true})
			if err != nil || len(trash.Todos) != 1 {
				u.Errorf("Alice's trash: %+v, %v", trash, err)
			}
			trash, err = u.store.ListTodos(u.Context(), u.mallory, todo.Query{Size: 10, InTrash: true})
			if err != nil || len(trash.Todos) != 0 {
				u.Errorf("Mallory's trash: %+v, %v", trash, err)
			}
		},
		"ApplyTodos": applyForeign,
		"ListChanges": func(u twoUsers) {
			before, err := u.store.ListChanges(u.Context(), u.mallory, nil, 10)
			if err != nil || len(before.Todos) > 0 {
				u.Fatalf("Mallory without todos: %+v, %v", before, err)
			}
			mine := create(u.T, u.store, u.mallory, "mine")
			alices, err := u.store.ListChanges(u.Context(), u.alice, nil, 10)
			if err != nil {
				u.Fatal(err)
			}
			for name, after := range map[string]*todo.SyncPosition{"none": nil, "her own": &before.Next, "Alice's": &alices.Next} {
				got, err := u.store.ListChanges(u.Context(), u.mallory, after, 10)
				if err != nil {
					u.Fatal(err)
				}
				if diff := cmp.Diff([]todo.Todo{mine}, got.Todos); diff != "" {
					u.Errorf("Mallory's changes after the position %s:\n%s", name, diff)
				}
			}
		},
	}
}

// createDetails is the case of CreateTodo for a draft with details: a statement of its own.
func createDetails(u twoUsers) {
	mine := createOf(u.T, u.store, u.mallory, detailed("mine"))
	if got, err := u.store.GetTodo(u.Context(), u.mallory, mine.ID); err != nil || !cmp.Equal(mine, got) {
		u.Errorf("Mallory's own: %+v, %v, want %+v", got, err, mine)
	}
}

// foreignChanges returns what Mallory tries on Alice's todo: one change for each statement,
// and one that depends on what the todo is.
func foreignChanges() []todo.Change {
	return []todo.Change{
		{Title: new("taken over"), IsCompleted: new(true)},
		{Title: new("taken over"), Priority: new(todo.HighPriority)},
		{Due: todo.DueChange{Date: new("")}},
		{Due: todo.DueChange{Date: new("2026-12-01")}},
		{Tags: todo.TagsChange{Add: todo.Tags{"taken over"}}},
	}
}

// applyForeign is the case of ApplyTodos.
func applyForeign(u twoUsers) {
	mine := create(u.T, u.store, u.mallory, "mine")
	// Alice applies a request, and Mallory one with the same id.
	hers := applyRequest(todo.CreateOperation{Draft: draft("hers too")})
	if got := apply(u.T, u.store, u.alice, hers); got != "ok" {
		u.Fatal(got)
	}
	request := applyRequest(
		todo.CreateOperation{Draft: todo.Draft{ID: &u.alices.ID, Title: u.alices.Title}},
		todo.UpdateOperation{ID: u.alices.ID, Change: todo.Change{Title: new("taken over")}},
		todo.DeleteOperation{ID: u.alices.ID},
		todo.UndeleteOperation{ID: u.alices.ID},
		todo.DeleteOperation{ID: mine.ID},
	)
	request.ID = hers.ID
	const want = "todo already exists | todo not found | todo not found | todo not found | ok"
	for range 2 { // The second finds the first.
		if got := apply(u.T, u.store, u.mallory, request); got != want {
			u.Errorf("Mallory's operations: %s, want %s", got, want)
		}
		const owners = "SELECT string_agg(user_id, ' ' ORDER BY user_id) FROM todo_request"
		if got := pgtest.QueryText(u.T, pgtest.Connect(u.T, u.url), owners); got != "alice mallory" {
			u.Fatalf("the requests of %s are kept", got)
		}
	}
	// The id of one of Mallory's becomes Alice's.
	again := applyRequest(todo.CreateOperation{Draft: draft("mine")})
	id := idOf(again, 0)
	if got := apply(u.T, u.store, u.mallory, again); got != "ok" {
		u.Fatal(got)
	}
	pgtest.Exec(u.T, u.url, "UPDATE todo SET user_id = 'alice' WHERE id = '"+id.String()+"'")
	results, err := u.store.ApplyTodos(u.Context(), u.mallory, again)
	if err != nil || len(results) != 1 || results[0].Todo != nil {
		u.Errorf("Mallory is shown %+v, %v", results, err)
	}
	pgtest.Exec(u.T, u.url, "DELETE FROM todo WHERE id IN ('"+id.String()+"', '"+idOf(hers, 0).String()+"')")
	create(u.T, u.store, u.mallory, "the last change")
}

// checkRevision wants an owner's account to be where the last change of a todo is:
// neither behind, as if the change had taken another account's revision, nor ahead, as
// if a refused call had taken one. The owner has changed something.
func (u twoUsers) checkRevision(owner todo.UserID) {
	u.Helper()
	changes, err := open(u.T, u.url, 1).ListChanges(u.Context(), owner, nil, 100)
	switch {
	case err != nil:
		u.Error(err)
	case len(changes.Todos) > 0 && changes.Todos[len(changes.Todos)-1].Revision != changes.Next.Revision:
		u.Errorf("the account is at %d, the last change at %d", changes.Next.Revision, changes.Todos[len(changes.Todos)-1].Revision)
	}
}

// heads is the case of [postgres.Store.Heads].
func heads(u twoUsers) {
	create(u.T, u.store, u.mallory, "mine")
	got, err := open(u.T, u.url, 1).Heads(u.Context(), []todo.UserID{u.mallory})
	if _, isThere := got[u.mallory]; err != nil || !isThere || len(got) != 1 {
		u.Errorf("heads: %v, %v, want Mallory's", got, err)
	}
}

// erase is the case of [postgres.Store.EraseUser].
func erase(u twoUsers) {
	store := open(u.T, u.url, 1)
	// As many as one statement erases, of older revisions.
	pgtest.Exec(u.T, u.url, "INSERT INTO todo (user_id, title, deleted_at, purged) SELECT 'alice', 'hers', now(), true FROM generate_series(1, 1000)")
	create(u.T, u.store, u.mallory, "mine")
	apply(u.T, u.store, u.alice, applyRequest(todo.InvalidOperation{}))
	both := []todo.UserID{u.alice, u.mallory}
	before, err := store.Heads(u.Context(), both)
	if err != nil {
		u.Fatal(err)
	}
	if n, err := store.EraseUser(u.Context(), u.mallory); err != nil || n != 1 {
		u.Errorf("Mallory's todos: %d, %v, want 1", n, err)
	}
	after, err := store.Heads(u.Context(), both)
	if err != nil || after[u.alice] != before[u.alice] || after[u.mallory].Epoch == before[u.mallory].Epoch {
		u.Errorf("the accounts went from %v to %v, %v, want another epoch of Mallory's", before, after, err)
	}
	// Of a user without an account, whatever accounts others have.
	pgtest.Exec(u.T, u.url, "INSERT INTO todo_request (user_id, request_id, content_hash, todo_ids, codes) VALUES ('erased before', gen_random_uuid(), sha256('r'), '{}', '{}')")
	if n, err := store.EraseUser(u.Context(), user(u.T, "erased before")); err != nil || n != 0 {
		u.Errorf("todos of a user without an account: %d, %v, want none", n, err)
	}
	if got := pgtest.QueryText(u.T, pgtest.Connect(u.T, u.url), "SELECT count(*)::text FROM todo_request"); got != "1" {
		u.Errorf("%s requests are kept, want Alice's", got)
	}
}

// trash is the case of ListTodos for the trash.
func trash(u twoUsers) {
	for _, owner := range []todo.UserID{u.alice, u.mallory} {
		if err := u.store.DeleteTodo(u.Context(), owner, create(u.T, u.store, owner, "trash").ID, todo.Deletion{}); err != nil {
			u.Fatal(err)
		}
	}
	page, err := u.store.ListTodos(u.Context(), u.mallory, todo.Query{Size: 10, InTrash: true})
	if err != nil || len(page.Todos) != 1 || page.Todos[0].DeletedAt.IsZero() {
		u.Errorf("Mallory's trash: %+v, %v", page, err)
	}
}

// deleteWithoutTrash is the case of DeleteTodo on a store that keeps nothing deleted.
func deleteWithoutTrash(u twoUsers) {
	u.store = postgres.NewStore(databasetest.Open(u.T, u.url, 4), postgres.Config{Logger: slog.New(slog.DiscardHandler)})
	kept := create(u.T, u.store, u.mallory, "kept")
	trashing := open(u.T, u.url, 1)
	before, err := trashing.ListChanges(u.Context(), u.mallory, nil, 10)
	if err != nil {
		u.Fatal(err)
	}
	gone := create(u.T, u.store, u.mallory, "mine")
	remove(u.T, u.store, u.mallory, gone.ID, false)
	if after, err := trashing.ListChanges(u.Context(), u.mallory, &before.Next, 10); err != nil || !after.IsReset {
		u.Errorf("Mallory's other device: %+v, %v, want a reset", after, err)
	}
	at, err := trashing.Heads(u.Context(), []todo.UserID{u.mallory})
	if err != nil {
		u.Fatal(err)
	}
	for _, version := range u.versions() {
		foreign := u.store.DeleteTodo(u.Context(), u.mallory, u.alices.ID, todo.Deletion{If: version})
		none := u.store.DeleteTodo(u.Context(), u.mallory, neverMade(), todo.Deletion{If: version})
		u.sameAsNone(foreign, none)
	}
	if head, err := trashing.Heads(u.Context(), []todo.UserID{u.mallory}); err != nil || head[u.mallory] != at[u.mallory] {
		u.Errorf("refused deletions took Mallory's account from %v to %v, %v", at, head, err)
	}
	remove(u.T, trashing, u.mallory, kept.ID, false) // So that the last change is of a todo that is there.
}

func TestNoMethodReachesAnotherUsersTodos(t *testing.T) {
	t.Parallel()
	cases := isolationCases()
	cases["CreateTodo within a bound"] = createWithinBound
	cases["CreateTodo with details"] = createDetails
	cases["ListTodos in the trash"] = trash
	cases["ListTodos by filters and orders"] = filteredLists
	cases["DeleteTodo without a trash"] = deleteWithoutTrash
	cases["Heads"] = heads
	cases["EraseUser"] = erase
	cases["Move"] = move
	for name, try := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, url := newStore(t)
			u := twoUsers{T: t, store: store, url: url, alice: user(t, "alice"), mallory: user(t, "mallory")}
			// That others are being moved is nothing to Mallory.
			pgtest.Exec(t, url, "INSERT INTO todo_account (user_id, revision, sealed) VALUES ('leaving', 1, 1), ('gone', 1, 3)")
			u.alices = create(t, store, u.alice, "hers")
			query := todo.Query{Size: 10}
			before := list(t, store, u.alice, query)
			try(u)
			if diff := cmp.Diff(before, list(t, store, u.alice, query)); diff != "" {
				t.Errorf("Alice's todos changed:\n%s", diff)
			}
			u.checkRevision(u.mallory)
			others := "SELECT count(*)::text FROM todo_account WHERE user_id NOT IN ('alice', 'mallory', 'leaving', 'gone')"
			if got := pgtest.QueryText(t, pgtest.Connect(t, url), others); got != "0" {
				t.Errorf("%s accounts are made of others", got)
			}
		})
	}
}

// createWithinBound is the case of CreateTodo on a store that bounds how many
// todos an owner has: a statement of its own.
func createWithinBound(u twoUsers) {
	remove(u.T, u.store, u.alice, create(u.T, u.store, u.alice, "her trash").ID, false)
	pgtest.Exec(u.T, u.url, "INSERT INTO todo (user_id, title, deleted_at, purged) SELECT 'alice', 'hers', now(), true FROM generate_series(1, 30)")
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
