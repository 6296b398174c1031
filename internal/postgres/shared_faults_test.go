package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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

// someReads are reads of a todo and of its owner's list, which note their
// errors and check what comes without one.
type someReads struct {
	t       *testing.T
	store   todo.Store
	created todo.Todo
	owner   todo.UserID

	mu   sync.Mutex
	errs []error // Nil for a success.
}

func newSomeReads(t *testing.T, store todo.Store, owner todo.UserID) *someReads {
	t.Helper()
	return &someReads{t: t, store: store, owner: owner, created: create(t, store, owner, "t")}
}

// make returns n reads.
func (r *someReads) make(ctx context.Context, n int) []func() {
	reads := make([]func(), n)
	for i := range reads {
		reads[i] = func() {
			var got todo.Todo
			var err error
			if i%2 == 0 {
				got, err = r.store.GetTodo(ctx, r.owner, r.created.ID)
			} else {
				var page todo.Page
				page, err = r.store.ListTodos(ctx, r.owner, todo.Query{Size: 10})
				if len(page.Todos) > 0 {
					got = page.Todos[0]
				}
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.errs = append(r.errs, err)
			if err == nil && got != r.created {
				r.t.Errorf("a read got %+v", got)
			}
		}
	}
	return reads
}

// want wants so many reads to have ended, each with an error or, when it is
// nil, without.
func (r *someReads) want(n int, want error) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.errs) != n {
		r.t.Errorf("%d reads have ended, want %d", len(r.errs), n)
	}
	for _, err := range r.errs {
		if !errors.Is(err, want) {
			r.t.Errorf("a read: %v, want %v", err, want)
		}
	}
	r.errs = nil
}

// waitFor waits until so many reads have ended.
func (r *someReads) waitFor(n int) {
	r.t.Helper()
	waitFor(r.t, "reads to end", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.errs) != n {
			return fmt.Errorf("%d of %d", len(r.errs), n)
		}
		return nil
	})
}

func TestReadsAreAnsweredWhenTheBackendOfTheirStatementIsKilled(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store, conn := openCrowd(t, url, 16), connect(t, url)
	reads := newSomeReads(t, store, user(t, "u"))
	for killed := 0; killed == 0; { // Not when it came late.
		unlock := pgtest.LockTable(t, url, "todo")
		wait := store.share(t, reads.make(t.Context(), 20)...)
		waitFor(t, "the statement to wait, or to have ended", func() error {
			if len(store.statements()) == 0 && backends(t, conn, isShared) < 2 {
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
		reads.want(20, nil)
	}
	store.together(t, reads.make(t.Context(), 20)...)
	reads.want(20, nil)
}

// TestReadsGoTheirOwnWayWhenTheirStatementIsLate locks the table until the
// statement that they share has been given up, and is gone.
func TestReadsGoTheirOwnWayWhenTheirStatementIsLate(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store, conn := openCrowd(t, url, 16), connect(t, url)
	reads := newSomeReads(t, store, user(t, "u"))
	unlock := pgtest.LockTable(t, url, "todo")
	ctx, cancel := context.WithTimeout(t.Context(), 350*time.Millisecond)
	defer cancel()
	leaving, leave := context.WithCancel(t.Context())
	defer leave()
	hurried := &someReads{t: t, store: store, owner: reads.owner, created: reads.created}
	left := &someReads{t: t, store: store, owner: reads.owner, created: reads.created}
	wait := store.share(t, slices.Concat(reads.make(t.Context(), 8), hurried.make(ctx, 2), left.make(leaving, 2))...)
	pgtest.WaitForLocked(t, url, 1)
	leave() // In the midst of the statement.
	left.waitFor(2)
	left.want(2, context.Canceled)
	waitFor(t, "the statements to be given up", func() error {
		if n := len(store.statements()); n < 2 {
			return errors.New("not yet")
		}
		return nil
	})
	waitFor(t, "their backends to be free", func() error {
		if backends(t, conn, isShared) > 0 {
			return errors.New("not yet")
		}
		return nil
	})
	hurried.waitFor(2)
	hurried.want(2, context.DeadlineExceeded)
	waitFor(t, "reads of their own", func() error {
		if backends(t, conn, "datname = current_database() AND wait_event_type = 'Lock'") < 8 {
			return errors.New("not yet")
		}
		return nil
	})
	unlock()
	wait()
	reads.want(8, nil)
	for _, statement := range store.statements() {
		if !errors.Is(statement.err, context.Canceled) {
			t.Errorf("%d reads shared a statement that ended with %v", statement.reads, statement.err)
		}
	}
	store.together(t, reads.make(t.Context(), 20)...)
	reads.want(20, nil)
}

// TestAnOwnerWhoseRowsAreSlowHoldsNobodyUp puts a view in the table's place
// that sleeps at one owner's rows, for longer than a statement may take.
func TestAnOwnerWhoseRowsAreSlowHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openCrowd(t, url, 16)
	reads := newSomeReads(t, store, user(t, "u"))
	slow := newSomeReads(t, store, user(t, "slow"))
	execute(t, connect(t, url), `
		ALTER TABLE todo RENAME TO todo_rows;
		CREATE VIEW todo AS
			SELECT id, title, description, is_completed, user_id, created_at, updated_at
			FROM   todo_rows
			WHERE  user_id <> 'slow' OR pg_sleep(60) IS NOT NULL`)
	var others, all sync.WaitGroup
	some := reads.make(t.Context(), 12)
	for i, read := range some {
		others.Add(1)
		some[i] = func() {
			defer others.Done()
			read()
		}
	}
	wait := store.share(t, append(some, slow.make(t.Context(), 2)...)...)
	all.Go(wait)
	others.Wait()
	slow.want(0, nil)
	reads.want(12, nil)
	all.Wait()
	slow.want(2, context.DeadlineExceeded)
}

func TestReadsThatShareAreUnavailableWithoutTheTableUntilItIsMade(t *testing.T) {
	t.Parallel()
	url := pgtest.NewEmptyDatabase(t)
	store := openCrowd(t, url, 4)
	reads := &someReads{t: t, store: store, owner: user(t, "u")}
	store.share(t, reads.make(t.Context(), 10)...)()
	reads.want(10, todo.ErrUnavailable)
	if err := pgtest.ApplySchema(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	reads.created = create(t, store, reads.owner, "t")
	store.together(t, reads.make(t.Context(), 10)...)
	reads.want(10, nil)
}

func TestReadsThatShareAreUnavailableWhileThePoolIsExhausted(t *testing.T) {
	t.Parallel()
	store := openCrowd(t, pgtest.NewDatabase(t), 1)
	reads := newSomeReads(t, store, user(t, "u"))
	conn, err := store.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store.share(t, reads.make(t.Context(), 10)...)()
	conn.Release()
	reads.want(10, todo.ErrUnavailable)
	store.together(t, reads.make(t.Context(), 10)...)
	reads.want(10, nil)
}

// TestAStoreClosesWhileReadsShareAStatement closes it while those wait for a
// lock that is not released, and others wait to share the next.
func TestAStoreClosesWhileReadsShareAStatement(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openCrowd(t, url, 4)
	reads := newSomeReads(t, store, user(t, "u"))
	pgtest.LockTable(t, url, "todo")
	wait := store.share(t, reads.make(t.Context(), 20)...)
	pgtest.WaitForLocked(t, url, 1)
	release := store.Crowd()
	var more sync.WaitGroup
	for _, read := range reads.make(t.Context(), 20) {
		more.Go(read)
	}
	store.Close()
	release()
	more.Wait()
	wait()
	reads.want(40, todo.ErrUnavailable)
}
