package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// follow reads changes in pages to their end. It returns what a client has then, and
// its position.
func follow(t *testing.T, store todo.Store, owner todo.UserID, after *todo.SyncPosition, size int) (known map[todo.ID]todo.Todo, at *todo.SyncPosition) {
	t.Helper()
	known = make(map[todo.ID]todo.Todo)
	for {
		changes, err := store.ListChanges(t.Context(), owner, after, size)
		if err != nil {
			t.Fatal(err)
		}
		if len(changes.Todos) > size {
			t.Fatalf("a page of %d has %d todos", size, len(changes.Todos))
		}
		for _, changed := range changes.Todos {
			known[changed.ID] = changed
		}
		if after = &changes.Next; !changes.HasMore {
			return known, after
		}
	}
}

func TestChangesAreAllThatHappened(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 200} {
		store, url := newStore(t)
		owner := user(t, "u")
		pgtest.Exec(t, url, "INSERT INTO todo (id, user_id, title) VALUES ('00000000-0000-0000-0000-000000000000', 'u', 'older than revisions')")
		first, second, third := create(t, store, owner, "1"), create(t, store, owner, "2"), create(t, store, owner, "3")
		known, at := follow(t, store, owner, nil, size)
		if len(known) != 4 || !cmp.Equal(known[first.ID], first) || known[todo.ID{}].Title != "older than revisions" {
			t.Errorf("pages of %d: the client has %+v, want the four todos", size, known)
		}
		if known, _ := follow(t, store, owner, at, size); len(known) > 0 {
			t.Errorf("pages of %d: %+v, and nothing has changed", size, known)
		}

		updated, err := store.UpdateTodo(t.Context(), owner, first.ID, todo.Change{Title: new("changed")})
		if err != nil {
			t.Fatal(err)
		}
		remove(t, store, owner, second.ID, false)
		remove(t, store, owner, third.ID, true)
		known, _ = follow(t, store, owner, at, size)
		if len(known) != 3 || !cmp.Equal(known[first.ID], updated) || known[second.ID].DeletedAt.IsZero() || !known[third.ID].IsPurged || known[third.ID].Title == "3" {
			t.Errorf("pages of %d: the client learns of %+v", size, known)
		}
	}
}

// TestAVoidPositionStartsAgain is about positions of another epoch, of a future that a
// restore has undone, and without an account.
func TestAVoidPositionStartsAgain(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	_, at := follow(t, store, owner, nil, 10)
	for name, sql := range map[string]string{
		"an epoch gone": "UPDATE todo_account SET epoch = epoch - 1",
		"a restore":     "UPDATE todo_account SET revision = revision - 1; UPDATE todo SET revision = revision - 1",
		"no account":    "DELETE FROM todo_account",
	} {
		pgtest.Exec(t, url, sql)
		changes, err := store.ListChanges(t.Context(), owner, at, 10)
		if err != nil || !changes.IsReset || len(changes.Todos) != 1 || changes.Todos[0].ID != created.ID {
			t.Errorf("after %s: %+v, %v, want a reset with the one todo", name, changes, err)
		}
		if changes, err = store.ListChanges(t.Context(), owner, &changes.Next, 10); err != nil || changes.IsReset || len(changes.Todos) > 0 {
			t.Errorf("after %s, going on: %+v, %v", name, changes, err)
		}
		at = &changes.Next
	}
}

// TestAFirstSyncThatBeganInTheFutureStartsAgain has a restore take the database back to
// before the sync began, but not before what the client has come to.
func TestAFirstSyncThatBeganInTheFutureStartsAgain(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	create(t, store, owner, "1")
	create(t, store, owner, "2")
	first, err := store.ListChanges(t.Context(), owner, nil, 1)
	if err != nil || !first.HasMore {
		t.Fatal(first, err)
	}
	first.Next.Start++
	if changes, err := store.ListChanges(t.Context(), owner, &first.Next, 1); err != nil || !changes.IsReset {
		t.Errorf("%+v, %v, want a reset", changes, err)
	}
}

// TestARefusedCallTakesNoRevision wants clients to have nothing to read for calls that
// changed nothing.
func TestARefusedCallTakesNoRevision(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	made := draft("t")
	created, err := store.CreateTodo(t.Context(), owner, made)
	if err != nil {
		t.Fatal(err)
	}
	updated, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{IsCompleted: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	type refusal struct {
		call func() error
		want error
	}
	for name, r := range map[string]refusal{
		"a repeated create": {func() error { _, err := store.CreateTodo(t.Context(), owner, made); return err }, nil},
		"an update of nobody's": {func() error {
			_, err := store.UpdateTodo(t.Context(), owner, neverMade(), todo.Change{Title: new("x")})
			return err
		}, todo.ErrNotFound},
		"an update of an old version": {func() error {
			_, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Title: new("x"), If: created.Version})
			return err
		}, todo.ErrConflict},
		"a deletion of an old version": {func() error {
			return store.DeleteTodo(t.Context(), owner, created.ID, todo.Deletion{If: created.Version})
		}, todo.ErrConflict},
		"a restoration of what is there": {func() error {
			_, err := store.UndeleteTodo(t.Context(), owner, created.ID, todo.Version{})
			return err
		}, nil},
		"an empty trash": {func() error { return store.EmptyTrash(t.Context(), owner) }, nil},
	} {
		if err := r.call(); !errors.Is(err, r.want) {
			t.Errorf("%s: %v, want %v", name, err, r.want)
		}
		if changes, err := store.ListChanges(t.Context(), owner, nil, 10); err != nil || changes.Next.Revision != updated.Revision {
			t.Errorf("after %s the account is at %d, %v, want %d", name, changes.Next.Revision, err, updated.Revision)
		}
	}
}

// TestAReaderBetweenTwoCommitsMissesNothing has two writes of one owner at once. The
// second waits for the first, and gets the later revision, although it began before the
// first was committed.
func TestAReaderBetweenTwoCommitsMissesNothing(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	first, second := create(t, store, owner, "1"), create(t, store, owner, "2")
	_, at := follow(t, store, owner, nil, 10)
	other := pgtest.Begin(t, url, `
		WITH mine AS (UPDATE todo_account SET revision = revision + 1000 RETURNING revision)
		UPDATE todo SET title = 'theirs', revision = mine.revision FROM mine WHERE id = '`+first.ID.String()+`'`)
	done := make(chan todo.Todo, 1)
	go func() {
		updated, err := store.UpdateTodo(context.WithoutCancel(t.Context()), owner, second.ID, todo.Change{Title: new("ours")})
		if err != nil {
			t.Error(err)
		}
		done <- updated
	}()
	pgtest.WaitForLocked(t, url, 1)
	if known, _ := follow(t, store, owner, at, 10); len(known) > 0 {
		t.Errorf("before the first commit, the client learns of %+v", known)
	}
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	updated := <-done
	known, at := follow(t, store, owner, at, 10)
	if known[first.ID].Title != "theirs" || !cmp.Equal(known[second.ID], updated) || updated.Revision <= known[first.ID].Revision || at.Revision != updated.Revision {
		t.Errorf("the client at %+v learns of %+v, want the two changes, %+v last", at, known, updated)
	}
}

// TestAWriteThatHasWaitedLooksAgain has another session change the same todo, so that the
// row is not what the write's snapshot shows.
func TestAWriteThatHasWaitedLooksAgain(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	other := pgtest.Begin(t, url, `
		WITH mine AS (UPDATE todo_account SET revision = revision + 1000 RETURNING revision)
		UPDATE todo SET description = 'theirs', revision = mine.revision, updated_at = updated_at + INTERVAL '1 minute' FROM mine`)
	done := make(chan error, 1)
	go func() {
		_, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Title: new("ours")})
		done <- err
	}()
	pgtest.WaitForLocked(t, url, 1)
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	known, at := follow(t, store, owner, nil, 10)
	if got := known[created.ID]; got.Title != "ours" || got.Description != "theirs" || got.Revision != at.Revision {
		t.Errorf("%+v at %+v, want both changes and the account's revision", got, at)
	}
}

func TestHeadsAreThoseOfTheAccounts(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	alice, bob := user(t, "alice"), user(t, "bob")
	created := create(t, store, alice, "t")
	changes, err := store.ListChanges(t.Context(), alice, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := store.Heads(t.Context(), []todo.UserID{bob, alice})
	want := map[todo.UserID]todo.Head{alice: {Epoch: changes.Next.Epoch, Revision: created.Revision}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(todo.UserID{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
