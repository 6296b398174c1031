package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

func TestAnErasedUserHasNothingAndTheirClientsLearnOfIt(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	alice, bob := user(t, "alice"), user(t, "bob")
	create(t, store, alice, "t")
	remove(t, store, alice, create(t, store, alice, "trash").ID, false)
	bobs := create(t, store, bob, "t")
	_, at := follow(t, store, alice, nil, 10)
	if n, err := store.EraseUser(t.Context(), alice); err != nil || n != 2 {
		t.Errorf("EraseUser: %d, %v, want 2 todos", n, err)
	}
	if changes, err := store.ListChanges(t.Context(), alice, at, 10); err != nil || !changes.IsReset || len(changes.Todos) > 0 {
		t.Errorf("Alice's client: %+v, %v, want a reset to nothing", changes, err)
	}
	if got := pgtest.QueryText(t, pgtest.Connect(t, url), "SELECT string_agg(user_id, ' ') FROM todo"); got != "bob" {
		t.Errorf("there are todos of %s, want Bob's", got)
	}
	if known, _ := follow(t, store, bob, nil, 10); !cmp.Equal(known[bobs.ID], bobs) {
		t.Errorf("Bob has %+v", known)
	}
}

func TestRenewedEpochsHaveEveryClientStartAgain(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	alice, bob := user(t, "alice"), user(t, "bob")
	at := make(map[todo.UserID]*todo.SyncPosition)
	for _, owner := range []todo.UserID{alice, bob} {
		create(t, store, owner, "t")
		_, at[owner] = follow(t, store, owner, nil, 10)
	}
	pgtest.Exec(t, url, "INSERT INTO todo_account (user_id, revision) SELECT 'user ' || n, 1 FROM generate_series(1, 1500) n")
	if n, err := store.RenewEpochs(t.Context()); err != nil || n != 1502 {
		t.Errorf("RenewEpochs: %d, %v, want 1502", n, err)
	}
	for owner, position := range at {
		if changes, err := store.ListChanges(t.Context(), owner, position, 10); err != nil || !changes.IsReset || len(changes.Todos) != 1 {
			t.Errorf("%v: %+v, %v, want a reset", owner, changes, err)
		}
	}
}
