package postgres_test

import (
	"errors"
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

// TestAnErasedUserHasNoRequestsLeft has requests of a user with an account, of one who has
// none, and of one who leaves, whose requests have to go with them.
func TestAnErasedUserHasNoRequestsLeft(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	pgtest.Exec(t, url, `
		INSERT INTO todo_account (user_id, revision, sealed) VALUES ('alice', 1, 0), ('carol', 1, 1);
		INSERT INTO todo_request (user_id, request_id, content_hash, todo_ids, codes)
		SELECT name, gen_random_uuid(), sha256('r'), '{}', '{}' FROM unnest('{alice,bob,carol,dave}'::text[]) AS name`)
	for _, name := range []string{"alice", "bob", "carol"} {
		if _, err := store.EraseUser(t.Context(), user(t, name)); errors.Is(err, todo.ErrMoving) != (name == "carol") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := pgtest.QueryText(t, pgtest.Connect(t, url), "SELECT string_agg(user_id, ' ' ORDER BY user_id) FROM todo_request"); got != "carol dave" {
		t.Errorf("there are requests of %s, want carol dave", got)
	}
}
