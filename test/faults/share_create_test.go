//go:build linux

package faults

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// startCreators has so many callers of a load create todos without a pause.
// Finish ends them.
func startCreators(t *testing.T, l *load, creators int) (finish func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	for i := range creators {
		c := &caller{load: l, name: fmt.Sprint(l.prefix, i)}
		all.Go(func() {
			for ctx.Err() == nil {
				c.calls++
				c.create()
			}
		})
	}
	finish = func() {
		stop()
		all.Wait()
	}
	t.Cleanup(finish)
	return finish
}

// TestCreatorsWhoShare kills the backends of statements that make many callers'
// todos: whatever became of those, each is made once.
func TestCreatorsWhoShare(t *testing.T) {
	const duration = 3 * time.Second
	r := newRow(t, "creators who share: backends killed")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, startIssuer(t), database, nil)
	l := newLoad(t, s.url, s.issuer)
	finish := startCreators(t, l, readersAtOnce)
	killed := watch(t, session(t, database), duration, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "+isSharing)
	finish()
	r.did("killed each backend that was seen in a shared statement within %v, with %d creators at once", duration, readersAtOnce)
	atLeast(r, "killed", killed, 3)
	failed := l.soFar().failed()
	r.note("creates", len(l.soFar()))
	r.none("of them failed", len(failed))
	if len(failed) > 0 {
		r.t.Log(failed, failed[0].body)
	}
	problems := l.ledger.audit(t, database, l.prefix)
	r.none("todos lost, or made twice", len(problems))
	for _, problem := range problems[:min(5, len(problems))] {
		t.Error(problem)
	}
}
