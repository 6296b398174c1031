package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// terminateOthers ends all other connections of the database.
const terminateOthers = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

// begin starts a transaction besides the store's with a statement. It ends with
// the test at the latest.
func begin(t *testing.T, url, sql string) pgx.Tx {
	t.Helper()
	tx, err := connect(t, url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	return tx
}

// fill opens as many connections as the pool may have, and leaves them idle.
func fill(t *testing.T, store *postgres.Store, n int) {
	t.Helper()
	for range n {
		conn, err := store.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
	}
}

func TestReadsSucceedAfterAllIdleConnectionsWereKilled(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	conn := connect(t, url)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	for _, workers := range []int{1, 20} {
		fill(t, store, 16)
		execute(t, conn, terminateOthers)
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for range 200 / workers {
					if _, err := store.GetTodo(t.Context(), owner, created.ID); err != nil {
						t.Errorf("GetTodo: %v", err)
					}
					if _, err := store.ListTodos(t.Context(), owner, todo.Query{Size: 1}); err != nil {
						t.Errorf("ListTodos: %v", err)
					}
				}
			})
		}
		group.Wait()
	}
}

func TestAcknowledgedWritesAreThereWhoeverKillsConnections(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	conn := connect(t, url)
	owner := user(t, "u")
	acknowledged := make(map[todo.ID]bool)
	var mu sync.Mutex
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for ctx.Err() == nil {
				created, err := store.CreateTodo(t.Context(), owner, draft("t"))
				if err != nil && !errors.Is(err, todo.ErrUnavailable) {
					t.Errorf("CreateTodo: %v, want ErrUnavailable at most", err)
				}
				if err == nil {
					mu.Lock()
					acknowledged[created.ID] = true
					mu.Unlock()
				}
			}
		})
	}
	for range 100 {
		execute(t, conn, terminateOthers)
	}
	cancel()
	group.Wait()
	create(t, store, owner, "afterwards")
	for _, one := range listAll(t, store, owner, todo.Query{Size: 200}, nil) {
		delete(acknowledged, one.ID)
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged todos are not there", len(acknowledged))
	}
}

func TestAStoreStartsWithoutADatabaseAndServesOnceItIsThere(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	store := open(t, server.URL(), 4)
	owner := user(t, "u")
	for range 3 {
		if err := store.Ready(t.Context()); !errors.Is(err, todo.ErrUnavailable) {
			t.Errorf("Ready: %v, want ErrUnavailable", err)
		}
		if _, err := store.CreateTodo(t.Context(), owner, draft("t")); !errors.Is(err, todo.ErrUnavailable) {
			t.Errorf("CreateTodo: %v, want ErrUnavailable", err)
		}
	}
	server.Restart(t)
	waitFor(t, "the database", func() error { return store.Ready(t.Context()) })
	create(t, store, owner, "t")
}

func TestACrashOfTheDatabaseMeansUnavailableUntilItIsBack(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	store := open(t, server.URL(), 8)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	var refused atomic.Int64
	for range 8 {
		group.Go(func() {
			for ctx.Err() == nil {
				_, err := store.GetTodo(ctx, owner, created.ID)
				if ctx.Err() != nil {
					return
				}
				if err != nil && !errors.Is(err, todo.ErrUnavailable) {
					t.Errorf("GetTodo: %v, want ErrUnavailable at most", err)
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
		waitFor(t, "a refusal", func() error {
			if refused.Load() == before {
				return errors.New("none yet")
			}
			return nil
		})
		server.Restart(t)
		waitFor(t, "the database", func() error {
			_, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{IsCompleted: new(true)})
			return err
		})
	}
	cancel()
	group.Wait()
}

func TestAStoreWithoutItsTableIsUnavailableUntilItIsMade(t *testing.T) {
	t.Parallel()
	url := pgtest.NewEmptyDatabase(t)
	store := open(t, url, 4)
	owner := user(t, "u")
	for name, try := range map[string]func() error{
		"Ready":      func() error { return store.Ready(t.Context()) },
		"GetTodo":    func() error { _, err := store.GetTodo(t.Context(), owner, neverMade()); return err },
		"CreateTodo": func() error { _, err := store.CreateTodo(t.Context(), owner, draft("t")); return err },
	} {
		if err := try(); !errors.Is(err, todo.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
	if err := pgtest.ApplySchema(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("Ready with the schema: %v", err)
	}
	create(t, store, owner, "t")
}

func TestAClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	store.Close()
	if err := store.Ready(t.Context()); !errors.Is(err, todo.ErrUnavailable) {
		t.Errorf("Ready: %v, want ErrUnavailable", err)
	}
}

func TestAnExhaustedPoolIsUnavailable(t *testing.T) {
	t.Parallel()
	store := openOne(t, pgtest.NewDatabase(t), func(b *postgres.Bounds) { b.Acquire = 100 * time.Millisecond })
	conn, err := store.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	_, err = store.GetTodo(t.Context(), user(t, "u"), neverMade())
	if !errors.Is(err, todo.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("GetTodo: %v, want ErrUnavailable and no deadline", err)
	}
}

func TestALockedTableMeansTheDeadlineAndNoLossOfReadiness(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openOne(t, url, func(b *postgres.Bounds) { b.Statement = 500 * time.Millisecond })
	tx := begin(t, url, "LOCK TABLE todo IN ACCESS EXCLUSIVE MODE")
	owner := user(t, "u")
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	_, err := store.GetTodo(t.Context(), owner, neverMade())
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, todo.ErrUnavailable) {
		t.Errorf("GetTodo without a deadline: %v, want the store's own", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := store.CreateTodo(ctx, owner, draft("t")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("CreateTodo: %v, want the caller's deadline", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	create(t, store, owner, "t")
}

func TestACanceledCallFreesItsBackend(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	conn := connect(t, url)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	begin(t, url, "SELECT FROM todo FOR UPDATE")
	waiting := func() (n int, err error) {
		err = conn.QueryRow(t.Context(), `
			SELECT count(*) FROM pg_stat_activity
			WHERE  datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		return n, err
	}
	awaitWaiting := func(want int) {
		waitFor(t, "the number of waiting backends", func() error {
			if n, err := waiting(); err != nil || n != want {
				return errors.Join(err, errors.New("not yet"))
			}
			return nil
		})
	}

	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := store.UpdateTodo(ctx, owner, created.ID, todo.Change{IsCompleted: new(true)})
		failed <- err
	}()
	awaitWaiting(1)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) || errors.Is(err, todo.ErrUnavailable) {
		t.Errorf("UpdateTodo: %v, want context.Canceled", err)
	}
	awaitWaiting(0)
}

func TestServerErrorsSayWhetherToTryAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, setting, lock string
		want, not           error
	}{
		{"a read-only database", "default_transaction_read_only=on", "ACCESS SHARE", todo.ErrUnavailable, context.DeadlineExceeded},
		{"a lock timeout", "lock_timeout=10", "EXCLUSIVE", todo.ErrUnavailable, context.DeadlineExceeded},
		{"a statement timeout", "statement_timeout=10", "EXCLUSIVE", context.DeadlineExceeded, todo.ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.NewDatabase(t)
			begin(t, url, "LOCK TABLE todo IN "+test.lock+" MODE")
			store := open(t, withParameter(url, "options", "-c "+test.setting), 1)
			_, err := store.CreateTodo(t.Context(), user(t, "u"), draft("t"))
			if !errors.Is(err, test.want) || errors.Is(err, test.not) {
				t.Errorf("CreateTodo: %v, want %v", err, test.want)
			}
		})
	}
}

func TestReadsAreServedWhereWritesAreNot(t *testing.T) {
	t.Parallel()
	store := open(t, withParameter(pgtest.NewDatabase(t), "options", "-c default_transaction_read_only=on"), 1)
	if _, err := store.GetTodo(t.Context(), user(t, "u"), neverMade()); !errors.Is(err, todo.ErrNotFound) {
		t.Errorf("GetTodo: %v, want ErrNotFound", err)
	}
	// Not on a standby, but on a primary, which is to take writes.
	if err := store.Ready(t.Context()); !errors.Is(err, todo.ErrUnavailable) {
		t.Errorf("Ready: %v, want ErrUnavailable", err)
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
	var log lockedBuffer
	const maxConns = 4
	store, err := postgres.Open(postgres.Config{
		// TLS is tried first here, so that each attempt dials twice.
		URL:      "postgres://u@" + listener.Addr().String() + "/d?sslmode=prefer",
		MaxConns: maxConns,
		Logger:   slog.New(slog.NewJSONHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	var calls int
	for time.Since(start) < 3*time.Second {
		if err := store.Ready(t.Context()); !errors.Is(err, todo.ErrUnavailable) {
			t.Fatalf("Ready: %v, want ErrUnavailable", err)
		}
		calls++
	}
	elapsed := time.Since(start)
	store.Close()
	_ = listener.Close()
	group.Wait()

	// The first calls may dial at once, as many as the pool has places.
	most := 2*maxConns + int64(10*elapsed.Seconds())
	if got := dials.Load(); got < 2 || got > most || calls < 100 {
		t.Errorf("%d dials for %d calls in %v, want 2 to %d for 100 at least", got, calls, elapsed, most)
	}
	if got := strings.Count(log.String(), "\n"); got != 1 {
		t.Errorf("%d log lines, want 1:\n%s", got, log.String())
	}
}

// TestAFullServerTakesCancelRequests has the server refuse all connections but one,
// whose statement's caller leaves.
func TestAFullServerTakesCancelRequests(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openConfig(t, postgres.Config{URL: fullButOne(t, url), MaxConns: 2}, func(b *postgres.Bounds) {
		b.Acquire = time.Second // So long a call tries to connect.
		b.Cancel = 10 * time.Second
	})
	owner := user(t, "u")
	made := create(t, store, owner, "t")
	tx := begin(t, url, "SELECT FROM todo FOR UPDATE")
	ctx, leave := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := store.UpdateTodo(ctx, owner, made.ID, todo.Change{Title: new("canceled")})
		failed <- err
	}()
	pgtest.WaitForLocked(t, url, 1)
	if _, err := store.GetTodo(t.Context(), owner, made.ID); !errors.Is(err, todo.ErrUnavailable) {
		t.Errorf("GetTodo: %v, want ErrUnavailable", err)
	}
	leave()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("UpdateTodo: %v, want context.Canceled", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	// On the only connection that there can be.
	if _, err := store.GetTodo(t.Context(), owner, made.ID); err != nil {
		t.Errorf("GetTodo afterwards: %v", err)
	}
}

// fullButOne returns a URL that leads to the database at databaseURL as if that had
// room for one connection, and for cancel requests.
func fullButOne(t *testing.T, databaseURL string) string {
	t.Helper()
	var taken atomic.Bool
	return proxy(t, databaseURL, func(client net.Conn, database string) {
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
		relay(&sluiceConn{Conn: client, first: first, sluice: new(sluice)}, database, func(client, server net.Conn) {
			_, _ = io.Copy(client, server) // Ends when either hangs up.
		})
	})
}
