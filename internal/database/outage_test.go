package database_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// terminateOthers ends all other connections of the database.
const terminateOthers = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

func TestReadsSucceedAfterAllIdleConnectionsWereKilled(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 16)
	conn := pgtest.Connect(t, c.url)
	c.mustPut(t, "u", 1)
	for _, workers := range []int{1, 20} {
		c.fill(t, 16)
		pgtest.ExecOn(t, conn, terminateOthers)
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for range 400 / workers {
					if _, err := c.get(t.Context(), "u", 1); err != nil {
						t.Errorf("get: %v", err)
					}
				}
			})
		}
		group.Wait()
	}
}

func TestAcknowledgedWritesAreThereWhoeverKillsConnections(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 16)
	conn := pgtest.Connect(t, c.url)
	var acknowledged, inDoubt atomic.Int64 // Of the additions.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	made := make([][]string, 4)
	for worker := range made {
		owner := fmt.Sprint("u", worker)
		c.mustPut(t, owner, worker)
		group.Go(func() {
			for id := 1000 * (1 + worker); ctx.Err() == nil; id++ {
				_, putErr := c.put(t.Context(), owner, id, "")
				_, addErr := c.add(t.Context(), owner, worker, "")
				for _, err := range []error{putErr, addErr} {
					if err != nil && !errors.Is(err, database.ErrUnavailable) {
						t.Errorf("%v, want ErrUnavailable at most", err)
					}
				}
				if putErr == nil {
					made[worker] = append(made[worker], fmt.Sprint(id))
				}
				if addErr == nil {
					acknowledged.Add(1)
				} else {
					inDoubt.Add(1)
				}
			}
		})
	}
	for range 100 {
		pgtest.ExecOn(t, conn, terminateOthers)
	}
	cancel()
	group.Wait()
	var there, stored int64
	for _, ids := range made {
		list := strings.Join(append(ids, "-1"), ", ")
		c.wantStored(t, "SELECT count(*)::text FROM counter WHERE id IN ("+list+")", fmt.Sprint(len(ids)))
		there += int64(len(ids))
	}
	if err := pgtest.Connect(t, c.url).QueryRow(t.Context(), "SELECT sum(n) FROM counter").Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if there == 0 || stored < acknowledged.Load() || stored > acknowledged.Load()+inDoubt.Load() {
		t.Errorf("%d made; %d additions are stored, %d were acknowledged and %d are in doubt", there, stored, acknowledged.Load(), inDoubt.Load())
	}
}

func TestADBStartsWithoutADatabaseAndServesOnceItIsThere(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	pgtest.Exec(t, server.URL(), countersSQL)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	c := openCounters(t, server.URL(), 4)
	put := func() error { _, err := c.put(t.Context(), "u", 1, ""); return err }
	for range 3 {
		if err := put(); !errors.Is(err, database.ErrUnavailable) {
			t.Errorf("put: %v, want ErrUnavailable", err)
		}
	}
	server.Restart(t)
	pgtest.WaitFor(t, "the database", put)
}

func TestACrashOfTheDatabaseMeansUnavailableUntilItIsBack(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	pgtest.Exec(t, server.URL(), countersSQL)
	c := openCounters(t, server.URL(), 8)
	c.mustPut(t, "u", 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	var refused atomic.Int64
	for range 8 {
		group.Go(func() {
			for ctx.Err() == nil {
				_, err := c.get(ctx, "u", 1)
				if ctx.Err() != nil {
					return
				}
				if err != nil && !errors.Is(err, database.ErrUnavailable) {
					t.Errorf("get: %v, want ErrUnavailable at most", err)
				}
				if err != nil {
					refused.Add(1)
				}
			}
		})
	}
	for range 2 {
		before := refused.Load()
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		pgtest.WaitFor(t, "a refusal", func() error {
			if refused.Load() == before {
				return errors.New("none yet")
			}
			return nil
		})
		server.Restart(t)
		pgtest.WaitFor(t, "the database", func() error {
			_, err := c.add(t.Context(), "u", 1, "")
			return err
		})
	}
	cancel()
	group.Wait()
}

func TestAClosedDBIsUnavailable(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 4)
	c.Close()
	if _, err := c.get(t.Context(), "u", 1); !errors.Is(err, database.ErrUnavailable) {
		t.Errorf("get: %v, want ErrUnavailable", err)
	}
}

func TestAnExhaustedPoolIsUnavailable(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 1, bounds(func(b *database.Bounds) { b.Acquire = 100 * time.Millisecond }))
	c.takeAll(t, 1)
	if _, err := c.get(t.Context(), "u", 1); !errors.Is(err, database.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("get: %v, want ErrUnavailable and no deadline", err)
	}
}

// TestOnlyTheCallersDeadlineIsCalledOne has statements wait for a lock, until their own
// time is over or their caller's.
func TestOnlyTheCallersDeadlineIsCalledOne(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 1, bounds(func(b *database.Bounds) { b.Statement = 500 * time.Millisecond }))
	unlock := pgtest.LockTable(t, c.url, "counter")
	if _, err := c.get(t.Context(), "u", 1); !isLate(err) {
		t.Errorf("get without a deadline: %v, want ErrUnavailable and no deadline", err)
	}
	if _, err := c.put(t.Context(), "u", 1, ""); !isLate(err) {
		t.Errorf("put without a deadline: %v, want ErrUnavailable and no deadline", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.put(ctx, "u", 1, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("put: %v, want the caller's deadline", err)
	}
	unlock()
	c.awaitPut(t)
}

func TestServerErrorsSayWhetherToTryAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, setting, lock string
		want, not           error
	}{
		{"a read-only database", "default_transaction_read_only=on", "ACCESS SHARE", database.ErrUnavailable, context.DeadlineExceeded},
		{"a lock timeout", "lock_timeout=10", "EXCLUSIVE", database.ErrUnavailable, context.DeadlineExceeded},
		{"a statement timeout", "statement_timeout=10", "EXCLUSIVE", context.DeadlineExceeded, database.ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := newCounters(t, 1).url
			pgtest.Begin(t, url, "LOCK TABLE counter IN "+test.lock+" MODE")
			c := openCounters(t, pgtest.WithParameter(url, "options", "-c "+test.setting), 1)
			if _, err := c.put(t.Context(), "u", 1, ""); !errors.Is(err, test.want) || errors.Is(err, test.not) {
				t.Errorf("put: %v, want %v", err, test.want)
			}
		})
	}
}

// TestADatabaseThatIsDownIsDialledSeldom counts the connections that a server
// gets which hangs up on everybody, while calls come in without a pause.
func TestADatabaseThatIsDownIsDialledSeldom(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var dials atomic.Int64
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			dials.Add(1)
			_ = conn.Close()
		}
	})
	var log pgtest.Log
	const conns = 4
	// TLS is tried first here, so that each attempt dials twice.
	c := openCounters(t, "postgres://u@"+listener.Addr().String()+"/d?sslmode=prefer", conns, func(config *database.Config) {
		config.Logger, config.Bounds = log.Logger(), database.UsualBounds()
	})
	start := time.Now()
	var calls int
	for time.Since(start) < 3*time.Second {
		_, err := c.get(t.Context(), "u", 1)
		if !errors.Is(err, database.ErrUnavailable) {
			t.Fatalf("get: %v, want ErrUnavailable", err)
		}
		calls++
	}
	elapsed := time.Since(start)
	c.Close()
	_ = listener.Close()
	group.Wait()

	// The first calls may dial at once, as many as the pool has places.
	most := 2*conns + int64(10*elapsed.Seconds())
	if got := dials.Load(); got < 2 || got > most || calls < 100 {
		t.Errorf("%d dials for %d calls in %v, want 2 to %d for 100 at least", got, calls, elapsed, most)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 {
		t.Errorf("want one line:\n%s", got)
	}
}

func TestPasswordsAreNeitherLoggedNorInErrors(t *testing.T) {
	t.Parallel()
	var log pgtest.Log
	c := openCounters(t, "postgres://todo:canary@127.0.0.1:1/todo?sslmode=disable", 1, func(config *database.Config) { config.Logger = log.Logger() })
	for range 3 {
		_, err := c.get(t.Context(), "u", 1)
		if !errors.Is(err, database.ErrUnavailable) {
			t.Fatalf("get: %v, want ErrUnavailable", err)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	if log := log.String(); log == "" || strings.Contains(log, "canary") {
		t.Errorf("log = %s, want lines without the password", log)
	}
}

// TestAFullServerTakesCancelRequests has the server refuse all connections but one,
// whose statement's caller leaves.
func TestAFullServerTakesCancelRequests(t *testing.T) {
	t.Parallel()
	direct := newCounters(t, 1)
	c := openCounters(t, fullButOne(t, direct.url), 2, bounds(func(b *database.Bounds) {
		b.Acquire = time.Second // So long a call tries to connect.
		b.Cancel = 10 * time.Second
	}))
	c.awaitPut(t)
	tx := pgtest.Begin(t, direct.url, lockCounters)
	ctx, leave := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := c.add(ctx, "u", 1, "canceled")
		failed <- err
	}()
	pgtest.WaitForLocked(t, direct.url, 1)
	if _, err := c.get(t.Context(), "u", 1); !errors.Is(err, database.ErrUnavailable) {
		t.Errorf("get: %v, want ErrUnavailable", err)
	}
	leave()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("add: %v, want context.Canceled", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	// On the only connection that there can be.
	pgtest.WaitFor(t, "a get afterwards", func() error {
		n, err := c.get(t.Context(), "u", 1)
		if n != 0 {
			t.Errorf("get afterwards: %d, want 0", n)
		}
		return err
	})
}

// fullButOne returns a URL that leads to the database at databaseURL as if that had
// room for one connection, and for cancel requests.
func fullButOne(t *testing.T, databaseURL string) string {
	t.Helper()
	var taken atomic.Bool
	return serve(t, databaseURL, func(client net.Conn, database string) {
		first, err := firstMessage(client)
		if err != nil {
			return
		}
		if binary.BigEndian.Uint32(first[4:]) != cancelRequest && taken.Swap(true) {
			fields := "SFATAL\x00VFATAL\x00C53300\x00Mtoo many\x00\x00"
			refusal := append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(4+len(fields))), fields...)
			_, _ = client.Write(refusal) // It fails when the client is gone.
			return
		}
		relay(&proxyConn{Conn: client, first: first, proxy: new(proxy)}, database, func(client, server net.Conn) {
			_, _ = io.Copy(client, server) // Ends when either hangs up.
		})
	})
}
