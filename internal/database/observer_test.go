package database

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// reports keeps what it was told.
type reports struct {
	mu         sync.Mutex
	statements []StatementReport
	batches    []BatchReport
}

func (r *reports) StatementEnded(_ context.Context, report StatementReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements = append(r.statements, report)
}

func (r *reports) BatchEnded(report BatchReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, report)
}

func TestAnObserverIsToldOfBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const each = 10 * time.Millisecond
		observer := new(reports)
		l := newLane(&fakeRunner{took: always(each)}, 1, oneAtATime())
		l.name, l.observer = LaneWrite, observer
		first := &call{Statement: write("a", "first")}
		together := []*call{{Statement: write("b", "second")}, {Statement: write("c", "third")}}
		var group sync.WaitGroup
		group.Go(func() { _ = l.run(t.Context(), first) })
		synctest.Wait()
		began := time.Now()
		for _, c := range together {
			group.Go(func() { _ = l.run(t.Context(), c) })
		}
		group.Wait()
		want := []BatchReport{
			{Lane: LaneWrite, Size: 1, Took: each, Outcome: BatchCommitted},
			{Lane: LaneWrite, Size: 2, Took: 2 * each, Outcome: BatchCommitted},
		}
		if !slices.Equal(observer.batches, want) {
			t.Errorf("batches %+v, want %+v", observer.batches, want)
		}
		if want := (BatchReference{Number: 1, Lane: LaneWrite, Size: 1, Sent: began}); first.batch != want {
			t.Errorf("the first was in %+v, want %+v", first.batch, want)
		}
		for _, c := range together {
			if want := (BatchReference{Number: 2, Lane: LaneWrite, Size: 2, Sent: began.Add(each)}); c.batch != want {
				t.Errorf("%s was in %+v, want %+v", c.Name, c.batch, want)
			}
		}
	})
}

func TestRerunsAndOutcomesOfBatchesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := &pgconn.PgError{Code: lockNotAvailable, SeverityUnlocalized: "ERROR"}
		observer := new(reports)
		r := &fakeRunner{took: always(time.Millisecond)}
		r.fails = func(s *Statement) error {
			switch s.Name {
			case "refused":
				return refused
			case "lost":
				return &lostConnectionError{errors.New("reset by peer")}
			}
			return nil
		}
		l := newLane(r, 1, oneAtATime())
		l.name, l.observer = LaneWrite, observer
		first := start(t.Context(), l, write("z", "first"))
		calls := []func() error{first}
		for i := range 3 {
			calls = append(calls, start(t.Context(), l, write(fmt.Sprint("owner", i), "fine")))
		}
		calls = append(calls, start(t.Context(), l, write("owner9", "refused")))
		finish(t, calls...)
		finish(t, start(t.Context(), l, Statement{Name: "lost", Owner: "x", Idempotent: true}))
		var all Reruns
		l.stats(&all)
		if want := (Reruns{Batch: 2, RolledBack: 3}); all != want {
			t.Errorf("%+v, want %+v: the refused and the lost one alone, the others together", all, want)
		}
		var outcomes []BatchOutcome
		for _, batch := range observer.batches {
			outcomes = append(outcomes, batch.Outcome)
		}
		if want := []BatchOutcome{BatchCommitted, BatchRolledBack, BatchCommitted, BatchUnknown}; !slices.Equal(outcomes, want) {
			t.Errorf("outcomes %v, want %v", outcomes, want)
		}
	})
}

func TestStatementsHaveOutcomes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want StatementOutcome
	}{
		{nil, OutcomeOK},
		{fmt.Errorf("get: %w", pgx.ErrNoRows), OutcomeOK},
		{fmt.Errorf("get: %w: %w", ErrUnavailable, context.DeadlineExceeded), OutcomeUnavailable},
		{fmt.Errorf("get: %w", context.DeadlineExceeded), OutcomeDeadline},
		{fmt.Errorf("get: %w", context.Canceled), OutcomeCanceled},
		{&pgconn.PgError{Code: "22021"}, OutcomeError},
	} {
		if got := statementOutcome(test.err); got != test.want {
			t.Errorf("%v: %s, want %s", test.err, got, test.want)
		}
	}
}

func TestWhatWaitsAndWhatIsRefusedIsCounted(t *testing.T) {
	t.Parallel()
	a, _ := testAdmission(2)
	counts(t, a, 5)
	if _, _, _ = a.count("writer"); a.owners["writer"].conns != 1 {
		t.Fatalf("an owner has %d connections", a.owners["writer"].conns)
	}
	_, _, _ = a.count("writer")
	if waiting, refused := a.stats(); waiting != 4 || refused != 0 {
		t.Errorf("%d wait and %d were refused, want 3 of all and 1 of an owner, and none", waiting, refused)
	}
	a.uncount(a.all, UsualBounds().Statement)
	refuses(t, a)
	refuses(t, a)
	if _, refused := a.stats(); refused != 2 {
		t.Errorf("%d were refused, want 2", refused)
	}
}
