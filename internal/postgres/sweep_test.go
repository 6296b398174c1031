package postgres_test

import (
	"log/slog"
	"testing"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// age makes all trash as old as the trash's retention.
const age = "UPDATE todo SET deleted_at = deleted_at - INTERVAL '25 hours' WHERE deleted_at IS NOT NULL"

func TestASweepRemovesWhatIsOldAndSaysSoInTheFloor(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	conn := pgtest.Connect(t, url)
	alice, bob := user(t, "alice"), user(t, "bob")
	kept := create(t, store, alice, "kept")
	remove(t, store, alice, create(t, store, alice, "old").ID, false)
	remove(t, store, alice, create(t, store, alice, "old").ID, true)
	position, err := store.ListChanges(t.Context(), alice, nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	last := create(t, store, bob, "old")
	remove(t, store, bob, last.ID, false)
	pgtest.ExecOn(t, conn, age)
	young := create(t, store, bob, "young")
	remove(t, store, bob, young.ID, false)

	if n, err := store.Sweep(t.Context()); err != nil || n != 3 {
		t.Errorf("Sweep: %d, %v, want 3", n, err)
	}
	if n, err := store.Sweep(t.Context()); err != nil || n != 0 {
		t.Errorf("a second Sweep: %d, %v, want 0", n, err)
	}
	if got := pgtest.QueryText(t, conn, "SELECT string_agg(title, ' ' ORDER BY title) FROM todo"); got != "kept young" {
		t.Errorf("the todos %s are left, want those that are not old", got)
	}
	if _, err := store.GetTodo(t.Context(), alice, kept.ID); err != nil {
		t.Error(err)
	}
	// Alice's client knows all that was removed; one that was before it does not.
	for at, isReset := range map[int64]bool{position.Next.Revision: false, position.Next.Revision - 1: true} {
		after := position.Next
		after.Revision, after.Start = at, 0
		changes, err := store.ListChanges(t.Context(), alice, &after, 10)
		if err != nil || changes.IsReset != isReset {
			t.Errorf("at %d of %d: %+v, %v, want a reset: %v", at, position.Next.Revision, changes, err, isReset)
		}
	}
	// So does one that began later, and has not come to the end of its first sync.
	begun := todo.SyncPosition{Epoch: position.Next.Epoch, Revision: 1, Start: position.Next.Revision}
	if changes, err := store.ListChanges(t.Context(), alice, &begun, 10); err != nil || changes.IsReset {
		t.Errorf("within a first sync: %+v, %v, want no reset", changes, err)
	}
}

// TestASweepBetweenTwoPagesOfOneRevisionIsNotMissed has a reader stop amid the todos that
// one call has changed, so that they have one revision. A sweep then removes the rest.
func TestASweepBetweenTwoPagesOfOneRevisionIsNotMissed(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	var created []todo.Todo
	for range 3 {
		created = append(created, create(t, store, owner, "t"))
	}
	_, at := follow(t, store, owner, nil, 10)
	for _, one := range created {
		remove(t, store, owner, one.ID, false)
	}
	if err := store.EmptyTrash(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	first, err := store.ListChanges(t.Context(), owner, at, 1)
	if err != nil || len(first.Todos) != 1 || !first.HasMore {
		t.Fatalf("a page of one of three changes: %+v, %v", first, err)
	}
	pgtest.Exec(t, url, age)
	if n, err := store.Sweep(t.Context()); err != nil || n != len(created) {
		t.Fatalf("Sweep: %d, %v", n, err)
	}
	// Nothing but a reset tells of the two others.
	second, err := store.ListChanges(t.Context(), owner, &first.Next, 10)
	if err != nil || !second.IsReset || len(second.Todos) > 0 {
		t.Errorf("the next page: %+v, %v, want a reset", second, err)
	}
	third, err := store.ListChanges(t.Context(), owner, &second.Next, 10)
	if err != nil || third.IsReset {
		t.Errorf("after the reset: %+v, %v, want no further one", third, err)
	}
}

// TestASweepLooksAgainAtWhatIsRestoredMeanwhile restores a todo while the sweep waits for
// its row, which its snapshot shows as old.
func TestASweepLooksAgainAtWhatIsRestoredMeanwhile(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	remove(t, store, owner, created.ID, false)
	pgtest.Exec(t, url, age)
	other := pgtest.Begin(t, url, "UPDATE todo SET deleted_at = NULL") // Without the account's lock, which the sweep would pass by.
	done := make(chan int, 1)
	go func() {
		n, err := store.Sweep(t.Context())
		if err != nil {
			t.Error(err)
		}
		done <- n
	}()
	pgtest.WaitForLocked(t, url, 1)
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := <-done; n != 0 {
		t.Errorf("%d todos were removed", n)
	}
	if _, err := store.GetTodo(t.Context(), owner, created.ID); err != nil {
		t.Errorf("the restored todo: %v", err)
	}
}

// TestASweepPassesByOwnersWhoWrite has an owner's account locked by a write.
func TestASweepPassesByOwnersWhoWrite(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	for _, name := range []string{"busy", "idle"} {
		remove(t, store, user(t, name), create(t, store, user(t, name), "t").ID, false)
	}
	pgtest.Exec(t, url, age)
	other := pgtest.Begin(t, url, "UPDATE todo_account SET revision = revision + 1 WHERE user_id = 'busy'")
	if n, err := store.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("Sweep: %d, %v, want the other owner's todo", n, err)
	}
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := store.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("Sweep after the write: %d, %v, want 1", n, err)
	}
}

// TestASweepGoesOnBehindWhatItPassesBy has an owner who writes all the time own the oldest
// trash, more than a batch of it.
func TestASweepGoesOnBehindWhatItPassesBy(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	create(t, store, user(t, "busy"), "t")
	pgtest.Exec(t, url, `INSERT INTO todo (user_id, title, deleted_at) SELECT 'busy', 't', now() - INTERVAL '3 days' FROM generate_series(1, 700)`)
	remove(t, store, user(t, "idle"), create(t, store, user(t, "idle"), "t").ID, false)
	pgtest.Exec(t, url, age)
	pgtest.Begin(t, url, "UPDATE todo_account SET revision = revision + 1 WHERE user_id = 'busy'")
	if n, err := store.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("Sweep: %d, %v, want the other owner's todo", n, err)
	}
}

// TestWithoutATrashWhatIsLeftOfOneIsSwept is about a trash that was switched off.
func TestWithoutATrashWhatIsLeftOfOneIsSwept(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	remove(t, store, owner, create(t, store, owner, "old").ID, false)
	pgtest.Exec(t, url, age)
	remove(t, store, owner, create(t, store, owner, "young").ID, false)
	without := postgres.NewStore(databasetest.Open(t, url, 1), postgres.Config{Logger: slog.New(slog.DiscardHandler)})
	if n, err := without.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("Sweep: %d, %v, want what was deleted more than a day ago", n, err)
	}
}
