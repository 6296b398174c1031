package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// TestCallsThatWouldWaitInVainAreRefusedAtOnce has a statement take longer than
// calls may wait for a connection. From then on one call at a time waits, and
// those that come meanwhile do not.
func TestCallsThatWouldWaitInVainAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := open(t, url, 1)
	owner := user(t, "u")
	unlock := pgtest.LockTable(t, url, "todo")
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if _, err := store.GetTodo(ctx, owner, neverMade()); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("GetTodo: %v, want the caller's deadline", err)
	}

	var refused, others atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			_, err := store.GetTodo(t.Context(), owner, neverMade())
			switch {
			case errors.Is(err, todo.ErrUnavailable) && strings.Contains(err.Error(), "more calls wait"):
				refused.Add(1)
			case errors.Is(err, todo.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
				others.Add(1)
			default:
				t.Errorf("GetTodo: %v, want ErrUnavailable, or the deadline of the one that got a connection", err)
			}
		})
	}
	group.Wait()
	if refused.Load() == 0 || others.Load() == 0 {
		t.Errorf("%d calls were refused at once, %d waited; want both", refused.Load(), others.Load())
	}

	unlock()
	create(t, store, owner, "afterwards")
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

// TestASharedStatementSaysNothingOfHowLongACallHasItsConnection has one of many calls
// sleep at one call's row.
func TestASharedStatementSaysNothingOfHowLongACallHasItsConnection(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	sleeping := create(t, open(t, url, 1), user(t, "u"), "t")
	execute(t, connect(t, url), `
		ALTER TABLE todo RENAME TO todo_rows;
		CREATE VIEW todo AS
			SELECT id, title, description, is_completed, user_id, created_at, updated_at
			FROM   todo_rows
			WHERE  pg_sleep(0.1) IS NOT NULL`)
	store := openCrowd(t, url, 1)
	gets := make([]func(), 50)
	for i := range gets {
		gets[i] = func() {
			id, want := neverMade(), todo.ErrNotFound
			if i == 0 {
				id, want = sleeping.ID, nil
			}
			if _, err := store.GetTodo(t.Context(), user(t, "u"), id); !errors.Is(err, want) {
				t.Errorf("GetTodo: %v, want %v", err, want)
			}
		}
	}
	store.together(t, gets...)
	if hold := store.Hold(); hold > 50*time.Millisecond {
		t.Errorf("a call is said to hold a connection for %v", hold)
	}
}
