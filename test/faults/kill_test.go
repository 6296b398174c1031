//go:build linux

package faults

import (
	"sync"
	"testing"
	"time"

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

// anySince reports whether a call is in flight that began before then.
func (f *inFlight) anySince(then time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, began := range f.since {
		if began.Before(then) {
			return true
		}
	}
	return false
}

// killSharing kills backends in the middle of a shared statement, so many, each
// once all calls are answered that were in flight at the kill before: those run
// their statements a second time, which the next kill must not meet. It returns
// how many it has killed before its patience was over.
func killSharing(t *testing.T, admin *pgx.Conn, calls *inFlight, most int) (killed int) {
	t.Helper()
	for until := time.Now().Add(2 * patience); killed < most && time.Now().Before(until); {
		if ask[int](t, admin, `
			SELECT count(pg_terminate_backend(pid))
			FROM   (SELECT pid FROM pg_stat_activity WHERE `+isSharing+` LIMIT 1) AS one`) == 0 {
			time.Sleep(time.Millisecond) // Between two looks.
			continue
		}
		killed++
		then := time.Now()
		eventually(t, "the calls in flight at a kill are answered", func() bool { return !calls.anySince(then) })
	}
	return killed
}
