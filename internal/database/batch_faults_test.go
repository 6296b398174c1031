package database_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// isShared is the condition that a backend runs a statement which is shared.
const isShared = "datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%unnest%'"

// backends returns how many backends meet a condition on pg_stat_activity.
func backends(t *testing.T, conn *pgx.Conn, condition string) int {
	t.Helper()
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE "+condition).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// someCalls are reads of a todo and of its owner's list, and creates by another
// owner, which note their errors and check what comes without one.
type someCalls struct {
	t       *testing.T
	store   todo.Store
	created todo.Todo
	owner   todo.UserID

	mu   sync.Mutex
	errs []error     // Nil for a success.
	made []todo.Todo // By the creates that succeeded.
}

func newSomeCalls(t *testing.T, store todo.Store, owner todo.UserID) *someCalls {
	t.Helper()
	return &someCalls{t: t, store: store, owner: owner, created: create(t, store, owner, "t")}
}

// creator is whose todos the creates make.
func (c *someCalls) creator() todo.UserID { return user(c.t, c.owner.String()+"'s neighbour") }

// make returns n calls: gets, lists and creates in turn.
func (c *someCalls) make(ctx context.Context, n int) []func() {
	calls := make([]func(), n)
	for i := range calls {
		calls[i] = func() {
			got, want := todo.Todo{}, c.created
			var err error
			switch i % 3 {
			case 0:
				got, err = c.store.GetTodo(ctx, c.owner, c.created.ID)
			case 1:
				var page todo.Page
				page, err = c.store.ListTodos(ctx, c.owner, todo.Query{Size: 10})
				if len(page.Todos) > 0 {
					got = page.Todos[0]
				}
			default:
				d := draft(fmt.Sprint(i))
				got, err = c.store.CreateTodo(ctx, c.creator(), d)
				want = todo.Todo{ID: *d.ID, Title: d.Title, CreatedAt: got.CreatedAt, UpdatedAt: got.CreatedAt}
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.errs = append(c.errs, err)
			if err == nil && i%3 == 2 {
				c.made = append(c.made, got)
			}
			if err == nil && got != want {
				c.t.Errorf("call %d got %+v, want %+v", i, got, want)
			}
		}
	}
	return calls
}

// want wants so many calls to have ended, each with one of some errors or, for
// nil, without. What was said to be made has to be there.
func (c *someCalls) want(n int, wants ...error) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.errs) != n {
		c.t.Errorf("%d calls have ended, want %d", len(c.errs), n)
	}
	for _, err := range c.errs {
		if !slices.ContainsFunc(wants, func(want error) bool { return errors.Is(err, want) }) {
			c.t.Errorf("a call: %v, want %v", err, wants)
		}
	}
	for _, made := range c.made {
		if stored, err := c.store.GetTodo(c.t.Context(), c.creator(), made.ID); err != nil || stored != made {
			c.t.Errorf("%+v was made, %+v is there: %v", made, stored, err)
		}
	}
	c.errs, c.made = nil, nil
}

// waitFor waits until so many calls have ended.
func (c *someCalls) waitFor(n int) {
	c.t.Helper()
	pgtest.WaitFor(c.t, "calls to end", func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.errs) != n {
			return fmt.Errorf("%d of %d", len(c.errs), n)
		}
		return nil
	})
}

func TestCallsAreAnsweredWhenTheBackendOfTheirStatementIsKilled(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store, conn := openCrowd(t, url, 16), pgtest.Connect(t, url)
	calls := newSomeCalls(t, store, user(t, "u"))
	for killed := 0; killed == 0; { // Not when it came late.
		unlock := pgtest.LockTable(t, url, "todo")
		wait := store.share(t, calls.make(t.Context(), 20)...)
		pgtest.WaitFor(t, "the statement to wait, or to have ended", func() error {
			if len(store.statements()) == 0 && backends(t, conn, isShared) < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		err := conn.QueryRow(t.Context(), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "+isShared).Scan(&killed)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		wait()
		calls.want(20, nil)
	}
	store.together(t, calls.make(t.Context(), 20)...)
	calls.want(20, nil)
}

// TestCallsGoTheirOwnWayWhenTheirStatementIsLate locks the table until the
// statement that they share has been given up, and is gone.
func TestCallsGoTheirOwnWayWhenTheirStatementIsLate(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store, conn := openCrowd(t, url, 16, func(b *database.Bounds) { b.Sharing = 200 * time.Millisecond }), pgtest.Connect(t, url)
	calls := newSomeCalls(t, store, user(t, "u"))
	unlock := pgtest.LockTable(t, url, "todo")
	ctx, cancel := context.WithTimeout(t.Context(), 350*time.Millisecond)
	defer cancel()
	leaving, leave := context.WithCancel(t.Context())
	defer leave()
	hurried := &someCalls{t: t, store: store, owner: calls.owner, created: calls.created}
	left := &someCalls{t: t, store: store, owner: calls.owner, created: calls.created}
	wait := store.share(t, slices.Concat(calls.make(t.Context(), 9), hurried.make(ctx, 3), left.make(leaving, 3))...)
	pgtest.WaitForLocked(t, url, 1)
	leave() // In the midst of the statement.
	left.waitFor(3)
	left.want(3, context.Canceled)
	pgtest.WaitFor(t, "the statements to be given up", func() error {
		if n := len(store.statements()); n < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	pgtest.WaitFor(t, "their backends to be free", func() error {
		if backends(t, conn, isShared) > 0 {
			return errors.New("not yet")
		}
		return nil
	})
	hurried.waitFor(3)
	hurried.want(3, context.DeadlineExceeded)
	pgtest.WaitFor(t, "calls of their own", func() error {
		if backends(t, conn, "datname = current_database() AND wait_event_type = 'Lock'") < 9 {
			return errors.New("not yet")
		}
		return nil
	})
	unlock()
	wait()
	calls.want(9, nil)
	for _, statement := range store.statements() {
		if !errors.Is(statement.err, context.Canceled) {
			t.Errorf("%d calls shared a statement that ended with %v", statement.calls, statement.err)
		}
	}
	store.together(t, calls.make(t.Context(), 20)...)
	calls.want(20, nil)
}

// TestAnOwnerWhoseRowsAreSlowHoldsNobodyUp puts a view in the table's place
// that sleeps at one owner's rows, for longer than a statement may take.
func TestAnOwnerWhoseRowsAreSlowHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openCrowd(t, url, 16, func(b *database.Bounds) { b.Sharing = 200 * time.Millisecond })
	calls := newSomeCalls(t, store, user(t, "u"))
	slow := newSomeCalls(t, store, user(t, "slow"))
	pgtest.Exec(t, url, `
		ALTER TABLE todo RENAME TO todo_rows;
		CREATE VIEW todo AS
			SELECT id, title, description, is_completed, user_id, created_at, updated_at
			FROM   todo_rows
			WHERE  user_id <> 'slow' OR pg_sleep(60) IS NOT NULL`)
	var others, all sync.WaitGroup
	some := calls.make(t.Context(), 12)
	for i, read := range some {
		others.Add(1)
		some[i] = func() {
			defer others.Done()
			read()
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	wait := store.share(t, append(some, slow.make(ctx, 2)...)...)
	all.Go(wait)
	others.Wait()
	slow.want(0, nil)
	calls.want(12, nil)
	leave()
	all.Wait()
	slow.want(2, context.Canceled)
}

func TestCallsThatShareAreUnavailableWithoutTheTableUntilItIsMade(t *testing.T) {
	t.Parallel()
	url := pgtest.NewEmptyDatabase(t)
	store := openCrowd(t, url, 4)
	calls := &someCalls{t: t, store: store, owner: user(t, "u")}
	store.share(t, calls.make(t.Context(), 10)...)()
	calls.want(10, todo.ErrUnavailable)
	if err := pgtest.ApplySchema(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	calls.created = create(t, store, calls.owner, "t")
	store.together(t, calls.make(t.Context(), 10)...)
	calls.want(10, nil)
}

func TestCallsThatShareAreUnavailableWhileThePoolIsExhausted(t *testing.T) {
	t.Parallel()
	store := openCrowd(t, pgtest.NewDatabase(t), 1, func(b *database.Bounds) { b.Acquire = 200 * time.Millisecond })
	calls := newSomeCalls(t, store, user(t, "u"))
	conn, err := store.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store.share(t, calls.make(t.Context(), 10)...)()
	calls.want(10, todo.ErrUnavailable)
	store.waitUntilIdle(t) // The statement may see later that it gets no connection.
	conn.Release()
	pgtest.WaitFor(t, "an answer", func() error { // On a busy machine it may take several tries.
		_, err := store.GetTodo(t.Context(), calls.owner, calls.created.ID)
		return err
	})
}

// TestAStoreClosesWhileCallsShareAStatement closes it while those wait for a
// lock that is not released, and others wait to share the next.
func TestAStoreClosesWhileCallsShareAStatement(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openCrowd(t, url, 4, func(b *database.Bounds) { b.Statement = time.Second })
	calls := newSomeCalls(t, store, user(t, "u"))
	pgtest.LockTable(t, url, "todo")
	wait := store.share(t, calls.make(t.Context(), 20)...)
	pgtest.WaitForLocked(t, url, 1)
	release := store.Crowd()
	var more sync.WaitGroup
	for _, read := range calls.make(t.Context(), 20) {
		more.Go(read)
	}
	store.Close()
	release()
	more.Wait()
	wait()
	// The deadline is for those whose statement was given up before the store closed.
	calls.want(40, todo.ErrUnavailable, context.DeadlineExceeded)
}

// TestAConnectionThatIsNeverMadeHoldsNobodyUp has the pool grow by one that a proxy
// accepts and does not answer, while a statement wants it.
func TestAConnectionThatIsNeverMadeHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	store := openCrowd(t, proxyButSecond(t, pgtest.NewDatabase(t)), 8)
	owner := user(t, "u")
	made := create(t, store, owner, "t") // By the connection that there is.
	conn, err := store.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wait := store.share(t, func() {
		if _, err := store.GetTodo(t.Context(), owner, made.ID); err != nil {
			t.Errorf("who waits for a statement: %v", err)
		}
	})
	pgtest.WaitFor(t, "the pool to grow", func() error {
		if store.Pool().Stat().ConstructingConns() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	conn.Release()
	// Who waited for that connection would not be answered by then.
	ctx, cancel := context.WithTimeout(t.Context(), database.PatientBounds().Connect/2)
	defer cancel()
	for range 3 {
		if _, err := store.GetTodo(ctx, owner, made.ID); err != nil {
			t.Errorf("who comes later: %v", err)
		}
	}
	wait()
}

// proxyButSecond returns a URL that leads to the database at databaseURL, but to
// silence the second time.
func proxyButSecond(t *testing.T, databaseURL string) string {
	t.Helper()
	var times atomic.Int32
	return proxy(t, databaseURL, func(client net.Conn, database string) {
		if times.Add(1) == 2 {
			_, _ = io.Copy(io.Discard, client) // Until it hangs up.
			return
		}
		relay(client, database, func(client, server net.Conn) { _, _ = io.Copy(client, server) })
	})
}
