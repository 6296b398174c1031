//go:build linux

package faults

import (
	"context"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// startCreators makes so many callers of a load create todos without a pause, until
// finish is called.
func startCreators(t *testing.T, l *load.Load, creators int) (calls *inFlight, finish func()) {
	t.Helper()
	calls = newInFlight()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	for i := range creators {
		c := l.NewCaller(i)
		all.Go(func() {
			for ctx.Err() == nil {
				calls.do(i, c.Create)
			}
		})
	}
	finish = func() {
		stop()
		all.Wait()
	}
	t.Cleanup(finish)
	return calls, finish
}

// TestCreatorsInBatches kills the backends of batches that make many callers' todos:
// whatever became of those, each is made once.
func TestCreatorsInBatches(t *testing.T) {
	const kills = 10
	r := newRow(t, "creators in batches: backends killed")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	l := load.New(t, s.URL, s.Issuer)
	calls, finish := startCreators(t, l, readersAtOnce)
	service := lookAt(t, database)
	r.Try(func(r *report.Row) {
		from := time.Now()
		report.AtLeast(r, "killed", service.kill(t, calls, kills), kills)
		served(r, "creates", l.SoFar().Between(from, calls.settle(t)))
	})
	finish()
	r.Did("killed %d backends in the middle of a statement, one after the other, with %d creators at once", kills, readersAtOnce)
	report.AtLeast(r, "todos that were made in one transaction with another user's", pgtest.InBatches(t, database), 100)
	r.Note("creates", len(l.SoFar()))
	problems := l.Ledger.Audit(t, database, l.Prefix)
	r.None("todos lost, or made twice", len(problems))
	for _, problem := range problems[:min(5, len(problems))] {
		t.Error(problem)
	}
}
