package postgres_test

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

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// openOne is openConfig for a store of one connection, whose calls share nothing.
func openOne(t *testing.T, url string, change ...func(*postgres.Bounds)) *postgres.Store {
	t.Helper()
	return openConfig(t, postgres.Config{URL: url, MaxConns: 1}, change...)
}

// wantConnections wants so many connections to have been made by a store so far.
func wantConnections(t *testing.T, store *postgres.Store, want int64) {
	t.Helper()
	if got := store.Pool().Stat().NewConnsCount(); got != want {
		t.Errorf("%d connections were made, want %d", got, want)
	}
}

// isCanceled reports whether a statement was canceled by the server.
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
			url := pgtest.NewDatabase(t)
			store := openConfig(t, postgres.Config{URL: url, MaxConns: conns, SharedStatements: 4},
				func(b *postgres.Bounds) { b.CancelDelay = test.cancelDelay })
			owner := user(t, "u")
			made := create(t, store, owner, "t")
			execute(t, connect(t, url), `
				ALTER TABLE todo RENAME TO todo_rows;
				CREATE VIEW todo AS
					SELECT id, title, description, is_completed, user_id, created_at, updated_at
					FROM   todo_rows
					WHERE  pg_sleep(0.01) IS NOT NULL;
				CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
					$$ BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$;
				CREATE TRIGGER slow BEFORE INSERT ON todo_rows FOR EACH ROW EXECUTE FUNCTION slow()`)
			fill(t, store, conns)
			kinds := []func(context.Context) error{
				func(ctx context.Context) error { _, err := store.GetTodo(ctx, owner, made.ID); return err },
				func(ctx context.Context) error {
					_, err := store.ListTodos(ctx, owner, todo.Query{Size: 2})
					return err
				},
				func(ctx context.Context) error { _, err := store.CreateTodo(ctx, owner, draft("t")); return err },
				func(ctx context.Context) error {
					_, err := store.UpdateTodo(ctx, owner, made.ID, todo.Change{Title: new("u")})
					return err
				},
			}
			var began atomic.Int64 // Statements whose caller was gone before they ended.
			before := store.Pool().Stat().AcquireCount()
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
						began.Store(store.Pool().Stat().AcquireCount() - before)
					}
				})
			}
			group.Wait()
			wantConnections(t, store, conns)
			if got := create(t, store, owner, "afterwards"); got.Title != "afterwards" {
				t.Errorf("made %+v", got)
			}
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

// TestACallWithoutTimeTakesNoConnection gives each operation a millisecond.
func TestACallWithoutTimeTakesNoConnection(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	made := create(t, store, owner, "t")
	before := store.Pool().Stat().AcquireCount()
	for name, call := range map[string]func(context.Context) error{
		"GetTodo": func(ctx context.Context) error { _, err := store.GetTodo(ctx, owner, made.ID); return err },
		"ListTodos": func(ctx context.Context) error {
			_, err := store.ListTodos(ctx, owner, todo.Query{Size: 1})
			return err
		},
		"CreateTodo": func(ctx context.Context) error { _, err := store.CreateTodo(ctx, owner, draft("t")); return err },
		"UpdateTodo": func(ctx context.Context) error {
			_, err := store.UpdateTodo(ctx, owner, made.ID, todo.Change{Title: new("u")})
			return err
		},
		"DeleteTodo": func(ctx context.Context) error { return store.DeleteTodo(ctx, owner, made.ID) },
		"Ready":      store.Ready,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the deadline", name, err)
		}
		cancel()
	}
	if taken := store.Pool().Stat().AcquireCount() - before; taken > 0 {
		t.Errorf("%d connections were taken", taken)
	}
}

// TestAConnectionOutlivesItsCanceledStatement has callers leave whose statements
// wait for a lock, to be prepared or to be executed.
func TestAConnectionOutlivesItsCanceledStatement(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]string{
		"preparing": "LOCK TABLE todo IN ACCESS EXCLUSIVE MODE",
		"executing": "SELECT FROM todo FOR UPDATE",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.NewDatabase(t)
			store := openOne(t, url)
			owner := user(t, "u")
			made := create(t, store, owner, "t")
			tx := begin(t, url, lock)
			ctx, leave := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := store.UpdateTodo(ctx, owner, made.ID, todo.Change{Title: new("canceled")})
				failed <- err
			}()
			pgtest.WaitForLocked(t, url, 1)
			leave()
			if err := <-failed; !errors.Is(err, context.Canceled) {
				t.Errorf("UpdateTodo: %v, want context.Canceled", err)
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := store.UpdateTodo(t.Context(), owner, made.ID, todo.Change{IsCompleted: new(true)})
			if err != nil || got.Title != "t" || !got.IsCompleted {
				t.Errorf("UpdateTodo afterwards: %+v, %v", got, err)
			}
			wantConnections(t, store, 1)
		})
	}
}

// TestALateStatementIsCanceledAtOnce has one take longer than it may, alone and
// with calls that share it.
func TestALateStatementIsCanceledAtOnce(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*postgres.Bounds){
		"alone":  func(b *postgres.Bounds) { b.Statement = 100 * time.Millisecond },
		"shared": func(b *postgres.Bounds) { b.Sharing = 100 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.NewDatabase(t)
			store := crowdOf(t, openConfig(t, postgres.Config{URL: url, MaxConns: 1, SharedStatements: 1}, change,
				func(b *postgres.Bounds) { b.CancelDelay = b.Cancel }))
			owner := user(t, "u")
			made := create(t, store, owner, "t")
			unlock := sync.OnceFunc(pgtest.LockTable(t, url, "todo"))
			get := func() error { _, err := store.GetTodo(t.Context(), owner, made.ID); return err }
			if name == "alone" {
				if err := get(); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("GetTodo: %v, want the deadline", err)
				}
			} else {
				wait := store.share(t, func() {
					if err := get(); err != nil {
						t.Errorf("GetTodo: %v", err)
					}
				})
				waitFor(t, "the shared statement", func() error {
					if len(store.statements()) == 0 {
						return errors.New("not yet")
					}
					return nil
				})
				unlock()
				wait()
				if err := store.statements()[0].err; !isCanceled(err) {
					t.Errorf("the shared statement: %v", err)
				}
			}
			unlock()
			if err := get(); err != nil {
				t.Errorf("GetTodo afterwards: %v", err)
			}
			wantConnections(t, store.Store, 1)
		})
	}
}

// TestAStatementThatEndsWithoutItsCallerSucceeds has a statement wait for a lock
// until its caller has gone.
func TestAStatementThatEndsWithoutItsCallerSucceeds(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openOne(t, url, func(b *postgres.Bounds) { b.CancelDelay = b.Cancel })
	owner := user(t, "u")
	made := create(t, store, owner, "t")
	tx := begin(t, url, "SELECT FROM todo FOR UPDATE")
	ctx, leave := context.WithCancel(t.Context())
	var got todo.Todo
	failed := make(chan error, 1)
	go func() {
		var err error
		got, err = store.UpdateTodo(ctx, owner, made.ID, todo.Change{Title: new("in the end")})
		failed <- err
	}()
	pgtest.WaitForLocked(t, url, 1)
	leave()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil || got.Title != "in the end" {
		t.Errorf("UpdateTodo: %+v, %v", got, err)
	}
	wantConnections(t, store, 1)
}

// TestALateCancelRequestHitsNoOtherStatement has a cancel request arrive when its
// statement has ended and another one runs.
func TestALateCancelRequestHitsNoOtherStatement(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	way := newSluice(t, url)
	way.holdCancels(t)
	store := openOne(t, way.url, func(b *postgres.Bounds) { b.CancelDelay, b.Cancel = time.Millisecond, 300*time.Millisecond })
	owner := user(t, "u")
	made := create(t, store, owner, "t")
	ctx, leave := context.WithCancel(t.Context())
	update := func(ctx context.Context, title string) (updated <-chan error) {
		failed := make(chan error, 1)
		go func() {
			_, err := store.UpdateTodo(ctx, owner, made.ID, todo.Change{Title: &title})
			failed <- err
		}()
		pgtest.WaitForLocked(t, url, 1)
		return failed
	}
	tx := begin(t, url, "SELECT FROM todo FOR UPDATE")
	first := update(ctx, "first")
	leave()
	pass := way.nextCancel(t)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log("the first ended with", <-first) // Whatever: by then it could have been given up.

	tx = begin(t, url, "SELECT FROM todo FOR UPDATE")
	second := update(t.Context(), "second")
	pass()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Errorf("the next statement: %v", err)
	}
	wantConnections(t, store, 2)
}

// TestCancelRequestsAtTheEndOfAStatementHitNoOther has callers leave as their
// statements end, and looks at the statement that follows on the same connection.
func TestCancelRequestsAtTheEndOfAStatementHitNoOther(t *testing.T) {
	t.Parallel()
	const enough = 50 // Of those that were canceled, and of those that were not.
	url := pgtest.NewDatabase(t)
	var canceled, ended atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		store := openOne(t, url, func(b *postgres.Bounds) { b.CancelDelay = 0 })
		sleep := func(ctx context.Context, d time.Duration) error {
			return store.Write(ctx, user(t, "u"), func(ctx context.Context, conn *pgx.Conn) error {
				_, err := conn.Exec(ctx, fmt.Sprintf("SELECT pg_sleep(%v)", d.Seconds()))
				return err
			})
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
			wantConnections(t, store, 1)
		})
	}
	group.Wait()
}

// TestAConnectionThatDoesNotAnswerIsGivenUp has a caller leave whose statement is on
// one, and the next call find one idle. Its place in the pool is free soon.
func TestAConnectionThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	const mark = "a statement without an answer"
	prepare := func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SELECT $1::text -- "+mark, "")
		return err
	}
	execute := func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SELECT $1::text -- "+mark, pgx.QueryExecModeExec, "")
		return err
	}
	for name, test := range map[string]struct {
		statement func(context.Context, *pgx.Conn) error
		confirmed bool // The server takes the cancel request.
	}{
		"preparing":              {prepare, false},
		"executing":              {execute, false},
		"preparing, and cancels": {prepare, true},
		"executing, and cancels": {execute, true},
		"idle":                   {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statement := test.statement
			way := newSluice(t, pgtest.NewDatabase(t))
			if !test.confirmed {
				way.holdCancels(t)
			}
			store := openOne(t, way.url, func(b *postgres.Bounds) {
				if statement != nil {
					b.Cancel = postgres.UsualBounds().Cancel
				} else {
					b.PingAfter, b.Ping = 0, postgres.UsualBounds().Ping
				}
			})
			owner := user(t, "u")
			create(t, store, owner, "t")
			way.hold(t)
			began := time.Now()
			if statement != nil {
				sent := way.lookFor(mark)
				ctx, leave := context.WithCancel(t.Context())
				go func() {
					<-sent
					leave()
				}()
				if err := store.Write(ctx, owner, statement); !errors.Is(err, context.Canceled) {
					t.Errorf("a statement: %v, want context.Canceled", err)
				}
			}
			create(t, store, owner, "on a new connection")
			wantConnections(t, store, 2)
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
	way := newSluice(t, pgtest.NewDatabase(t))
	store := openOne(t, way.url)
	owner := user(t, "u")
	create(t, store, owner, "t")
	sent := way.lookFor("pg_sleep")
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-sent
		way.breakAnswers(t)
		leave()
	}()
	if err := store.Write(ctx, owner, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SELECT pg_sleep(60)")
		return err
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("a statement: %v, want context.Canceled", err)
	}
	ended := time.Now()
	waitFor(t, "the connection's place in the pool", func() error {
		if open := store.Pool().Stat().TotalConns(); open > 0 {
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
	way := newSluice(t, pgtest.NewDatabase(t))
	store := openOne(t, way.url, func(b *postgres.Bounds) { b.PingAfter = 0 })
	owner := user(t, "u")
	made := create(t, store, owner, "t")
	for pinged := false; !pinged; { // On a busy machine the deadline may come first.
		sent := way.lookFor("-- ping")
		release := way.hold(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := store.GetTodo(ctx, owner, made.ID); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("GetTodo: %v, want the deadline", err)
		}
		cancel()
		select {
		case <-sent:
			pinged = true
		default:
		}
		release()
	}
	if _, err := store.GetTodo(t.Context(), owner, made.ID); err != nil {
		t.Errorf("GetTodo: %v", err)
	}
	wantConnections(t, store, 1)
}
