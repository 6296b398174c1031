package database_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// TestCallsThatWouldWaitInVainAreRefusedAtOnce has a statement take longer than
// calls may wait for a connection. From then on one call at a time waits, and
// those that come meanwhile do not.
func TestCallsThatWouldWaitInVainAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	const acquireTimeout = 500 * time.Millisecond
	url := pgtest.NewDatabase(t)
	store := openOne(t, url, func(b *database.Bounds) { b.Acquire, b.Statement = acquireTimeout, 4*acquireTimeout })
	owner := user(t, "u")
	unlock := pgtest.LockTable(t, url, "todo")
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := store.GetTodo(ctx, owner, neverMade())
		ended <- err
	}()
	pgtest.WaitForLocked(t, url, 1)
	time.Sleep(acquireTimeout + acquireTimeout/10) // What it takes.
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("GetTodo: %v, want context.Canceled", err)
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
	pgtest.Exec(t, url, `
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
	if hold := store.Hold(); hold > 0 {
		t.Errorf("a call is said to hold a connection for %v", hold)
	}
}

// TestAnOwnersWritesLeaveConnectionsToOthers has more calls write a todo, which is
// locked, than there are connections.
func TestAnOwnersWritesLeaveConnectionsToOthers(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]database.Config{
		"sharing":      {SharedStatements: 4},
		"alone":        {SharedStatements: 0},
		"with a bound": {MaxTodos: 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config.URL, config.MaxConns = pgtest.NewDatabase(t), 6
			store := openConfig(t, config)
			owner, completed, busy := user(t, "u"), todo.Change{IsCompleted: new(true)}, draft("busy")
			writes := []func() error{
				func() error { _, err := store.CreateTodo(t.Context(), owner, busy); return err },
				func() error { _, err := store.UpdateTodo(t.Context(), owner, *busy.ID, completed); return err },
				func() error { return store.DeleteTodo(t.Context(), owner, *busy.ID) },
			}
			if err := writes[0](); err != nil {
				t.Fatal(err)
			}
			tx := pgtest.Begin(t, config.URL, "SELECT FROM todo FOR UPDATE")
			var group sync.WaitGroup
			for i := range 60 {
				group.Go(func() {
					err := writes[i%len(writes)]()
					// It comes and goes, or was not reached in time.
					if err != nil && !errors.Is(err, todo.ErrNotFound) && !errors.Is(err, todo.ErrUnavailable) {
						t.Errorf("a write of the todo: %v", err)
					}
				})
			}
			pgtest.WaitForLocked(t, config.URL, 3)

			if config.SharedStatements > 0 {
				for range 3 { // The first may find creates of the todo running.
					create(t, store, owner, "not in line")
				}
			}
			neighbour := user(t, "v")
			for range 10 {
				other := create(t, store, neighbour, "other")
				if _, err := store.UpdateTodo(t.Context(), neighbour, other.ID, completed); err != nil {
					t.Errorf("an update by another: %v", err)
				}
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			group.Wait()
			if err := writes[0](); err != nil {
				t.Errorf("a write afterwards: %v", err)
			}
		})
	}
}

func TestAStatementThatPanicsPassesTheTurn(t *testing.T) {
	t.Parallel()
	store := open(t, pgtest.NewDatabase(t), 4)
	write := func(statement func(context.Context, *pgx.Conn) error) (cause any) {
		defer func() { cause = recover() }()
		if err := store.Write(t.Context(), user(t, "u"), statement); err != nil {
			t.Errorf("a write: %v", err)
		}
		return nil
	}
	for range 5 {
		if cause := write(func(context.Context, *pgx.Conn) error { panic("defect") }); cause != "defect" {
			t.Errorf("panic: %v", cause)
		}
	}
	if cause := write(func(context.Context, *pgx.Conn) error { return nil }); cause != nil {
		t.Errorf("panic: %v", cause)
	}
}

// TestAStatementForNobodyIsNoAnswer has a caller leave while the statement that was
// to be shared waits for its connection.
func TestAStatementForNobodyIsNoAnswer(t *testing.T) {
	t.Parallel()
	store := openCrowd(t, pgtest.NewDatabase(t), 1)
	conn, err := store.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	wait := store.share(t, func() { _, _ = store.GetTodo(ctx, user(t, "u"), neverMade()) })
	leave()
	wait()
	conn.Release()
	store.waitUntilIdle(t)
	if at := store.AnsweredAt(); !at.IsZero() {
		t.Error("it counts as answered")
	}
}
