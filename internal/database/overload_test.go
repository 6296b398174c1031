package database_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestCallsThatWouldWaitInVainAreRefusedAtOnce has a statement take longer than
// calls may wait for a connection. From then on one call at a time waits, and
// those that come meanwhile do not.
func TestCallsThatWouldWaitInVainAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	const acquireTimeout = 500 * time.Millisecond
	c := newCounters(t, 1, bounds(func(b *database.Bounds) { b.Acquire, b.Statement = acquireTimeout, 4*acquireTimeout }))
	unlock := pgtest.LockTable(t, c.url, "counter")
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.get(ctx, "u", 1)
		ended <- err
	}()
	pgtest.WaitForLocked(t, c.url, 1)
	time.Sleep(acquireTimeout + acquireTimeout/10) // What it takes.
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("get: %v, want context.Canceled", err)
	}

	var refused, others atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			_, err := c.get(t.Context(), "u", 1)
			switch {
			case errors.Is(err, database.ErrUnavailable) && strings.Contains(err.Error(), "more calls wait"):
				refused.Add(1)
			case errors.Is(err, database.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
				others.Add(1)
			default:
				t.Errorf("get: %v, want ErrUnavailable, or the deadline of the one that got a connection", err)
			}
		})
	}
	group.Wait()
	if refused.Load() == 0 || others.Load() == 0 {
		t.Errorf("%d calls were refused at once, %d waited; want both", refused.Load(), others.Load())
	}

	unlock()
	c.awaitPut(t)
}

// TestAnOwnersWritesLeaveConnectionsToOthers has more calls write a counter, which
// is locked, than there are connections.
func TestAnOwnersWritesLeaveConnectionsToOthers(t *testing.T) {
	t.Parallel()
	for name, batches := range map[string]int{"in batches": 1, "alone": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounters(t, 8, func(c *database.Config) {
				usual := database.UsualBounds()
				c.Batches, c.Bounds.Batch, c.Bounds.BatchLock = batches, usual.Batch, usual.BatchLock
			})
			c.mustPut(t, "u", 1, 2)
			tx := pgtest.Begin(t, c.url, "SELECT FROM counter WHERE id = 1 FOR UPDATE")
			writes := []func() error{
				func() error { _, err := c.put(t.Context(), "u", 1, ""); return err },
				func() error { _, err := c.add(t.Context(), "u", 1, ""); return err },
				func() error { _, err := c.remove(t.Context(), "u", 1); return err },
			}
			var group sync.WaitGroup
			for i := range 60 {
				group.Go(func() {
					// It comes and goes.
					if err := writes[i%len(writes)](); err != nil && !errors.Is(err, errNoCounter) {
						t.Errorf("a write of the counter: %v", err)
					}
				})
			}
			pgtest.WaitForLocked(t, c.url, 2)
			for n := range 10 {
				c.mustPut(t, "v", 3+n)
				if _, err := c.add(t.Context(), "v", 3+n, ""); err != nil {
					t.Errorf("a write by another: %v", err)
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

func TestAStatementThatPanicsGivesBackItsConnection(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 4)
	for n := range 10 {
		func() {
			defer func() {
				if cause := recover(); cause != "defect" {
					t.Errorf("panic: %v", cause)
				}
			}()
			_ = c.Run(t.Context(), database.Statement{SQL: "SELECT 1", Owner: "u", Idempotent: true, Alone: n%2 == 0, Read: func(pgx.Rows) error { panic("defect") }})
		}()
	}
	c.mustPut(t, "u", 1)
}

// TestAFullPoolThatAnswersIsReadyWithoutALook has no database.
func TestAFullPoolThatAnswersIsReadyWithoutALook(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, "postgres://u@127.0.0.1:1/d", 2)
	store := postgres.NewStore(db, postgres.Config{TrashRetention: 24 * time.Hour, Logger: slog.New(slog.DiscardHandler)})
	end := db.Overload(2)
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	end()
	if err := store.Ready(t.Context()); err == nil {
		t.Error("ready with a connection to spare and no database")
	}
}
