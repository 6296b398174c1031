//go:build linux

package faults

import (
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/stack"
	"github.com/jackc/pgx/v5"
)

// inFlight knows since when each of some callers waits for an answer.
type inFlight struct {
	mu    sync.Mutex
	since map[int]time.Time
}

func newInFlight() *inFlight { return &inFlight{since: make(map[int]time.Time)} }

// do makes a caller's call.
func (f *inFlight) do(caller int, call func()) {
	f.mu.Lock()
	f.since[caller] = time.Now()
	f.mu.Unlock()
	call()
	f.mu.Lock()
	delete(f.since, caller)
	f.mu.Unlock()
}

// settle waits until the calls that are in flight have been answered, and returns since when it
// does.
func (f *inFlight) settle(t *testing.T) (then time.Time) {
	t.Helper()
	then = time.Now()
	stack.Eventually(t, "the calls in flight are answered", func() bool { return !f.anyBefore(then) })
	return then
}

// anyBefore reports whether a call is in flight that began before then.
func (f *inFlight) anyBefore(then time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, began := range f.since {
		if began.Before(then) {
			return true
		}
	}
	return false
}

// service is the server's view of a service's database. It looks from another one, so
// that it counts for nothing there.
type service struct {
	admin    *pgx.Conn
	database string // Its name.
}

func lookAt(t *testing.T, database string) service {
	t.Helper()
	return service{stack.Session(t, pgtest.ServerURL(t)), stack.Ask[string](t, stack.Session(t, database), "SELECT current_database()")}
}

// active returns how many backends run a statement.
func (s service) active(t *testing.T) int {
	t.Helper()
	return stack.Ask[int](t, s.admin, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND state = 'active'", s.database)
}

// kill kills so many backends in the middle of a statement. Calls in flight at a kill run
// their statements a second time, which the next kill must not hit: it waits until those
// calls are answered. It returns how many backends it has killed before the timeout.
func (s service) kill(t *testing.T, calls *inFlight, most int) (killed int) {
	t.Helper()
	for until := time.Now().Add(2 * stack.Patience); killed < most && time.Now().Before(until); {
		if stack.Ask[int](t, s.admin, `
			SELECT count(pg_terminate_backend(pid))
			FROM   (SELECT pid FROM pg_stat_activity WHERE datname = $1 AND state = 'active' AND query ~ 'todo' LIMIT 1) AS one`, s.database) == 0 {
			time.Sleep(time.Millisecond) // Between two looks.
			continue
		}
		killed++
		calls.settle(t)
	}
	return killed
}

// transactions ends all backends, which then have told of all that they did, and
// returns how many transactions have been committed.
func (s service) transactions(t *testing.T) int {
	t.Helper()
	stack.Eventually(t, "the backends have ended", func() bool {
		return stack.Ask[int](t, s.admin, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1", s.database) == 0
	})
	return stack.Ask[int](t, s.admin, "SELECT xact_commit FROM pg_stat_database WHERE datname = $1", s.database)
}
