package database_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// isolated returns a change of the isolation in which a database's transactions run.
func isolated(isolation string) func(*database.Config) {
	return func(c *database.Config) {
		c.URL = pgtest.WithParameter(c.URL, "default_transaction_isolation", isolation)
	}
}

// TestOthersInTheWayOfAStatementFailNoCall writes two counters and reads, all at once,
// where transactions see nothing of others that began later.
func TestOthersInTheWayOfAStatementFailNoCall(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"serializable", "repeatable read"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			c := newCounters(t, 16, isolated(isolation))
			c.mustPut(t, "u", 1)
			const writers, rounds = 4, 25
			var failed atomic.Int64
			want := func(what string, err error) {
				switch {
				case err == nil:
				case errors.Is(err, database.ErrUnavailable): // After all of its attempts.
					failed.Add(1)
				default:
					t.Errorf("%s: %v, want ErrUnavailable at most", what, err)
				}
			}
			var group sync.WaitGroup
			for writer := range writers {
				group.Go(func() {
					for range rounds {
						_, err := c.add(t.Context(), "u", 1, "")
						want("add", err)
						if writer >= 2 {
							continue
						}
						_, err = c.put(t.Context(), "v", 2, "")
						want("put", err)
						_, err = c.get(t.Context(), "u", 1)
						want("get", err)
						if err != nil && isolation == "repeatable read" {
							t.Errorf("get: %v, and nothing is in the way of a read", err)
						}
					}
				})
			}
			group.Wait()
			if n := failed.Load(); n > writers*rounds/2 { // An attempt fails since another call has succeeded.
				t.Errorf("%d calls failed", n)
			}
			c.wantStored(t, "SELECT count(*)::text FROM counter", "2")
		})
	}
}

// TestAStatementThatWasRolledBackIsRunAgain has a transaction in the way of an
// addition for exactly one attempt.
func TestAStatementThatWasRolledBackIsRunAgain(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 4, isolated("repeatable read"))
	c.mustPut(t, "u", 1)
	tx := pgtest.Begin(t, c.url, "UPDATE counter SET n = 100")
	done := make(chan error, 1)
	var n int
	go func() {
		var err error
		n, err = c.add(context.Background(), "u", 1, "")
		done <- err
	}()
	pgtest.WaitForLocked(t, c.url, 1)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || n != 101 {
		t.Errorf("add: %d, %v, want 101", n, err)
	}
}

// TestASchemaChangeDisturbsNoCall changes what the prepared statements return, for those
// that run alone and in batches.
func TestASchemaChangeDisturbsNoCall(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 16)
	c := b.some(t, 21)
	use := func() {
		t.Helper()
		b.batch(t, c.calls(t.Context())...)()
		c.want(t, ok)
		for _, call := range c.calls(t.Context()) {
			call()
		}
		c.want(t, ok)
	}
	for _, sql := range []string{
		"ALTER TABLE counter ADD COLUMN priority integer NOT NULL DEFAULT 0",
		"ALTER TABLE counter ALTER COLUMN note TYPE varchar(100)",
		"ALTER TABLE counter ALTER COLUMN n TYPE bigint",
	} {
		use() // Prepares the statements.
		t.Log(sql)
		pgtest.Exec(t, b.url, sql)
		use()
	}
	b.wantStored(t, "SELECT sum(n)::text FROM counter", fmt.Sprint(3*4*7))
}

func TestTheCallersContextErrorComesBack(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 4)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.get(canceled, "u", 1); !errors.Is(err, context.Canceled) || errors.Is(err, database.ErrUnavailable) {
		t.Errorf("alone: %v, want context.Canceled alone", err)
	}
	defer b.Gather()()
	left := make(chan error, 1)
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		_, err := b.get(ctx, "u", 1)
		left <- err
	}()
	b.waitForWaiting(t, 1)
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) || errors.Is(err, database.ErrUnavailable) {
		t.Errorf("before a batch: %v, want context.Canceled alone", err)
	}
	b.waitForWaiting(t, 0)
}

// TestFurtherRunsHaveTheTimeThatIsLeft loses the connection of a first run, and has the
// second one wait for a lock. Nothing but the bound of both ends it.
func TestFurtherRunsHaveTheTimeThatIsLeft(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(context.Context, *counters) error{
		"a read":        func(ctx context.Context, c *counters) error { _, err := c.get(ctx, "u", 1); return err },
		"a write":       func(ctx context.Context, c *counters) error { _, err := c.put(ctx, "u", 1, ""); return err },
		"a transaction": func(ctx context.Context, c *counters) error { return c.RunTx(ctx, addBoth(committed)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := newCounters(t, 1)
			direct.mustPut(t, "u", 1, 2)
			var isCut, isSecond atomic.Bool
			proxied := serve(t, direct.url, func(client net.Conn, database string) {
				look := func(said []byte) (err error) {
					switch isStatement := bytes.Contains(said, []byte("counter")); {
					case isStatement && isCut.Swap(true):
						isSecond.Store(true)
					case isStatement:
						return io.EOF
					}
					return nil
				}
				relay(watchedConn{client, look}, database, func(client, server net.Conn) { _, _ = io.Copy(client, server) })
			})
			c := openCounters(t, proxied, 1, unbatched, bounds(func(b *database.Bounds) { b.Alone, b.Statement = 300*time.Millisecond, time.Hour }))
			pgtest.LockTable(t, direct.url, "counter")
			pgtest.WaitFor(t, "a second run", func() error { // On a busy machine it may take several tries.
				isCut.Store(false)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if err := run(ctx, c); !isLate(err) {
					t.Errorf("%v, want ErrUnavailable and no deadline", err)
				}
				if !isSecond.Load() {
					return errors.New("none yet")
				}
				return nil
			})
		})
	}
}

// watchedConn is a client of whom look sees what is said, and may end it.
type watchedConn struct {
	net.Conn
	look func(said []byte) error
}

func (w watchedConn) Read(into []byte) (int, error) {
	n, err := w.Conn.Read(into)
	if err == nil {
		err = w.look(into[:n])
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}
