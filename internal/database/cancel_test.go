package database_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// lockCounters locks all rows.
const lockCounters = "SELECT FROM counter FOR UPDATE"

// isLate reports whether an error says that the database took too long, and nothing of a
// caller's deadline.
func isLate(err error) bool {
	return errors.Is(err, database.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded)
}

// isCanceled reports whether the server canceled a statement.
func isCanceled(err error) bool {
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && failed.Code == "57014"
}

// TestShortDeadlinesCostNoConnections has statements take longer than their callers
// wait, and end before they would be canceled, or after.
func TestShortDeadlinesCostNoConnections(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cancelDelay time.Duration
		ends        func(*testing.T) (context.Context, context.CancelFunc)
	}{
		"that pass":                {time.Minute, soon},
		"that pass, and cancel":    {time.Millisecond, soon},
		"of callers who leave":     {time.Minute, left},
		"of callers who are later": {time.Millisecond, left},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const conns, calls = 4, 200
			c := newCounters(t, conns, bounds(func(b *database.Bounds) { b.CancelDelay = test.cancelDelay }))
			c.mustPut(t, "u", 1)
			c.fill(t, conns)
			kinds := []func(context.Context) error{
				func(ctx context.Context) error {
					return c.Run(ctx, database.Statement{SQL: "SELECT pg_sleep(0.01)", Read: nothing})
				},
				func(ctx context.Context) error {
					return c.write(ctx, "u", "UPDATE counter SET n = n + 1 FROM pg_sleep(0.01)")
				},
				func(ctx context.Context) error { _, err := c.get(ctx, "u", 1); return err },
				func(ctx context.Context) error { _, err := c.put(ctx, "v", 3, ""); return err },
			}
			var began atomic.Int64 // Statements whose caller was gone before they ended.
			before := c.Pool().Stat().AcquireCount()
			var group sync.WaitGroup
			for worker := range conns {
				group.Go(func() {
					for n := 0; began.Load() < calls; n++ {
						ctx, cancel := test.ends(t)
						err := kinds[(worker+n)%len(kinds)](ctx)
						if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
						cancel()
						began.Store(c.Pool().Stat().AcquireCount() - before)
					}
				})
			}
			group.Wait()
			c.wantConnections(t, conns)
			c.mustPut(t, "u", 2)
		})
	}
}

// soon returns a context with little time left.
func soon(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), 2*time.Millisecond+rand.N(3*time.Millisecond))
}

// left returns a context of a caller who leaves soon.
func left(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	timer := time.AfterFunc(rand.N(5*time.Millisecond), leave)
	return ctx, func() {
		timer.Stop()
		leave()
	}
}

// TestACallWithoutTimeTakesNoConnection gives each kind of statement a millisecond.
func TestACallWithoutTimeTakesNoConnection(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 4)
	c.mustPut(t, "u", 1)
	before := c.Pool().Stat().AcquireCount()
	for _, s := range []database.Statement{
		{Name: "a read", SQL: "SELECT 1"},
		{Name: "a write", SQL: "DELETE FROM counter", Owner: "u"},
		{Name: "a read that runs alone", SQL: "SELECT 1", Alone: true},
		{Name: "a write that runs alone", SQL: "DELETE FROM counter", Owner: "u", Alone: true},
	} {
		s.Read = nothing
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := c.Run(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the deadline", s.Name, err)
		}
		cancel()
	}
	if taken := c.Pool().Stat().AcquireCount() - before; taken > 0 {
		t.Errorf("%d connections were taken", taken)
	}
}

// TestAConnectionOutlivesItsCanceledStatement has callers leave whose statements
// wait for a lock, to be prepared or to be executed.
func TestAConnectionOutlivesItsCanceledStatement(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]string{
		"preparing": "LOCK TABLE counter IN ACCESS EXCLUSIVE MODE",
		"executing": lockCounters,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounters(t, 1)
			c.mustPut(t, "u", 1)
			tx := pgtest.Begin(t, c.url, lock)
			ctx, leave := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := c.add(ctx, "u", 1, "canceled")
				failed <- err
			}()
			pgtest.WaitForLocked(t, c.url, 1)
			leave()
			if err := <-failed; !errors.Is(err, context.Canceled) {
				t.Errorf("add: %v, want context.Canceled", err)
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n, err := c.add(t.Context(), "u", 1, ""); err != nil || n != 1 {
				t.Errorf("add afterwards: %d, %v, want 1", n, err)
			}
			c.wantConnections(t, 1)
		})
	}
}

// TestALateStatementIsCanceledAtOnce has one take longer than it may, alone and in a
// batch.
func TestALateStatementIsCanceledAtOnce(t *testing.T) {
	t.Parallel()
	never := func(b *database.Bounds) { b.CancelDelay = b.Cancel }
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		direct := newCounters(t, 1)
		direct.mustPut(t, "u", 1) // What has time for it.
		c := openCounters(t, direct.url, 1, bounds(never), bounds(func(b *database.Bounds) { b.Statement = 100 * time.Millisecond }))
		unlock := pgtest.LockTable(t, c.url, "counter")
		if _, err := c.get(t.Context(), "u", 1); !isLate(err) {
			t.Errorf("get: %v, want ErrUnavailable and no deadline", err)
		}
		unlock()
		pgtest.WaitFor(t, "a get afterwards", func() error { // On a busy machine it may take several tries.
			_, err := c.get(t.Context(), "u", 1)
			return err
		})
		c.wantConnections(t, 1)
	})
	t.Run("in a batch", func(t *testing.T) {
		t.Parallel()
		direct := newCounters(t, 1)
		direct.mustPut(t, "u", 1)
		b := observe(openCounters(t, direct.url, 4, bounds(never), bounds(func(b *database.Bounds) { b.Batch = 100 * time.Millisecond })))
		b.fill(t, 1)
		unlock := pgtest.LockTable(t, b.url, "counter")
		wait := b.batch(t, func() {
			if _, err := b.get(t.Context(), "u", 1); err != nil {
				t.Errorf("get: %v", err)
			}
		})
		b.waitForEnded(t, 1)
		unlock()
		wait()
		if err := b.ended()[0].err; !isCanceled(err) {
			t.Errorf("the batch: %v", err)
		}
		b.wantConnections(t, 1)
	})
}

// TestAStatementThatEndsWithoutItsCallerSucceeds has a statement wait for a lock
// until its caller has gone.
func TestAStatementThatEndsWithoutItsCallerSucceeds(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 1, bounds(func(b *database.Bounds) { b.CancelDelay = b.Cancel }))
	c.mustPut(t, "u", 1)
	tx := pgtest.Begin(t, c.url, lockCounters)
	ctx, leave := context.WithCancel(t.Context())
	var n int
	failed := make(chan error, 1)
	go func() {
		var err error
		n, err = c.add(ctx, "u", 1, "in the end")
		failed <- err
	}()
	pgtest.WaitForLocked(t, c.url, 1)
	leave()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil || n != 1 {
		t.Errorf("add: %d, %v, want 1", n, err)
	}
	c.wantConnections(t, 1)
}

// TestALateCancelRequestHitsNoOtherStatement has a cancel request arrive when its
// statement has ended and another one runs.
func TestALateCancelRequestHitsNoOtherStatement(t *testing.T) {
	t.Parallel()
	direct := newCounters(t, 1)
	proxy := newProxy(t, direct.url)
	proxy.holdCancels(t)
	c := openCounters(t, proxy.url, 1, bounds(func(b *database.Bounds) { b.CancelDelay, b.Cancel = time.Millisecond, 300*time.Millisecond }))
	c.mustPut(t, "u", 1)
	add := func(ctx context.Context) (failed chan error) {
		failed = make(chan error, 1)
		go func() {
			_, err := c.add(ctx, "u", 1, "")
			failed <- err
		}()
		pgtest.WaitForLocked(t, direct.url, 1)
		return failed
	}
	ctx, leave := context.WithCancel(t.Context())
	tx := pgtest.Begin(t, direct.url, lockCounters)
	first := add(ctx)
	leave()
	pass := proxy.nextCancel(t)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log("the first ended with", <-first) // Whatever: by then it could have been given up.

	tx = pgtest.Begin(t, direct.url, lockCounters)
	second := add(t.Context())
	pass()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Errorf("the next statement: %v", err)
	}
	c.wantConnections(t, 2)
}

// TestCancelRequestsAtTheEndOfAStatementHitNoOther has callers leave as their
// statements end, and looks at the statement that follows on the same connection.
func TestCancelRequestsAtTheEndOfAStatementHitNoOther(t *testing.T) {
	t.Parallel()
	const enough = 50 // Of those that were canceled, and of those that were not.
	url := pgtest.NewEmptyDatabase(t)
	var canceled, ended atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		c := openCounters(t, url, 1, bounds(func(b *database.Bounds) { b.CancelDelay = 0 }))
		sleep := func(ctx context.Context, d time.Duration) error {
			return c.write(ctx, "u", fmt.Sprintf("SELECT pg_sleep(%v)", d.Seconds()))
		}
		group.Go(func() {
			for canceled.Load() < enough || ended.Load() < enough {
				ctx, leave := context.WithCancel(t.Context())
				timer := time.AfterFunc(rand.N(4*time.Millisecond), leave)
				switch err := sleep(ctx, rand.N(4*time.Millisecond)); {
				case err != nil:
					canceled.Add(1)
				case ctx.Err() != nil:
					ended.Add(1)
				}
				if err := sleep(t.Context(), time.Millisecond); err != nil {
					t.Errorf("the next statement: %v", err)
				}
				timer.Stop()
				leave()
			}
			c.wantConnections(t, 1)
		})
	}
	group.Wait()
}

// TestAConnectionThatDoesNotAnswerIsGivenUp has a caller leave whose statement is on
// one, and the next call find one idle. Its place in the pool is free soon.
func TestAConnectionThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	const sql = "SELECT $1::text -- a statement without an answer"
	prepared, executed := []any{""}, []any{pgx.QueryExecModeExec, ""}
	for name, test := range map[string]struct {
		args      []any
		confirmed bool // The server takes the cancel request.
	}{
		"preparing":              {prepared, false},
		"executing":              {executed, false},
		"preparing, and cancels": {prepared, true},
		"executing, and cancels": {executed, true},
		"idle":                   {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := test.args
			direct := newCounters(t, 1)
			proxy := newProxy(t, direct.url)
			if !test.confirmed {
				proxy.holdCancels(t)
			}
			c := openCounters(t, proxy.url, 1, bounds(func(b *database.Bounds) {
				if args != nil {
					b.Cancel = database.UsualBounds().Cancel
				} else {
					b.PingAfter, b.Ping = 0, database.UsualBounds().Ping
				}
			}))
			c.mustPut(t, "u", 1)
			proxy.hold(t)
			began := time.Now()
			if args != nil {
				sent := proxy.lookFor(sql)
				ctx, leave := context.WithCancel(t.Context())
				go func() {
					<-sent
					leave()
				}()
				if err := c.Run(ctx, database.Statement{SQL: sql, Args: args, Owner: "u", Read: nothing}); !errors.Is(err, context.Canceled) {
					t.Errorf("a statement: %v, want context.Canceled", err)
				}
			}
			c.mustPut(t, "u", 2) // On a new connection.
			c.wantConnections(t, 2)
			// Less than two are promised, and 15 are what the driver takes by itself.
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("that took %v", took)
			}
		})
	}
}

// TestAConnectionThatBreaksAfterItsCancelRequestIsGivenUp has the server confirm the
// request, and the connection then say nothing that can be read.
func TestAConnectionThatBreaksAfterItsCancelRequestIsGivenUp(t *testing.T) {
	t.Parallel()
	direct := newCounters(t, 1)
	proxy := newProxy(t, direct.url)
	c := openCounters(t, proxy.url, 1)
	c.mustPut(t, "u", 1)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	failed := make(chan error, 1)
	go func() { failed <- c.write(ctx, "u", "SELECT pg_sleep(60)") }()
	admin := pgtest.Connect(t, direct.url)
	pgtest.WaitFor(t, "the statement to run", func() error {
		return backends(t, admin, 1, "datname = current_database() AND wait_event = 'PgSleep'")
	})
	proxy.breakAnswers(t)
	leave()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("a statement: %v, want context.Canceled", err)
	}
	ended := time.Now()
	pgtest.WaitFor(t, "the connection's place in the pool", func() error {
		if open := c.Pool().Stat().TotalConns(); open > 0 {
			return fmt.Errorf("%d connections are open", open)
		}
		return nil
	})
	// At once, and 15 seconds later by the driver.
	if took := time.Since(ended); took > 10*time.Second {
		t.Errorf("that took %v", took)
	}
}

// TestAPingOutlivesItsCallersDeadline has the answer to one come later.
func TestAPingOutlivesItsCallersDeadline(t *testing.T) {
	t.Parallel()
	direct := newCounters(t, 1)
	proxy := newProxy(t, direct.url)
	c := openCounters(t, proxy.url, 1, bounds(func(b *database.Bounds) { b.PingAfter = 0 }))
	c.mustPut(t, "u", 1)
	for pinged := false; !pinged; { // On a busy machine the deadline may come first.
		sent := proxy.lookFor("-- ping")
		release := proxy.hold(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := c.get(ctx, "u", 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("get: %v, want the deadline", err)
		}
		cancel()
		select {
		case <-sent:
			pinged = true
		default:
		}
		release()
	}
	if _, err := c.get(t.Context(), "u", 1); err != nil {
		t.Errorf("get: %v", err)
	}
	c.wantConnections(t, 1)
}
