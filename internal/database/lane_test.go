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

	"github.com/jackc/pgx/v5/pgconn"
)

// oneAtATime returns bounds by which no batch is sent beside another that isn't late,
// unless it is full.
func oneAtATime() Bounds {
	bounds := UsualBounds()
	bounds.BatchPace = bounds.Batch - 1
	return bounds
}

// fakeRunner stands for the database: a statement takes as long as it is told to,
// and notes how it ran.
type fakeRunner struct {
	took    func(s *Statement) time.Duration
	fails   func(s *Statement) error // In a batch.
	connect time.Duration            // Of batches.
	ending  time.Duration            // What a canceled batch takes to end.

	mu      sync.Mutex
	alone   []string
	batches [][]string
}

func (r *fakeRunner) runAlone(ctx context.Context, s *Statement, _ time.Duration) error {
	r.mu.Lock()
	r.alone = append(r.alone, s.Name)
	r.mu.Unlock()
	return sleep(ctx, r.took(s))
}

func (r *fakeRunner) runBatch(ctx context.Context, calls []*call) (int, error) {
	if err := sleep(ctx, r.connect); err != nil {
		return -1, &noConnectionError{err}
	}
	var names []string
	for _, c := range calls {
		names = append(names, c.Name)
	}
	r.mu.Lock()
	r.batches = append(r.batches, names)
	r.mu.Unlock()
	for i, c := range calls {
		if r.fails != nil {
			if err := r.fails(&c.Statement); err != nil {
				return i, err
			}
		}
		if err := sleep(ctx, r.took(&c.Statement)); err != nil {
			time.Sleep(r.ending)
			return i, fmt.Errorf("%w: %w", err, &pgconn.PgError{Code: queryCanceled, SeverityUnlocalized: "ERROR"})
		}
	}
	return -1, nil
}

func (r *fakeRunner) refuse(context.Context, *Statement, int) error {
	return fmt.Errorf("%w: %w", ErrUnavailable, errOverloaded)
}

// ranAlone returns the statements that ran by themselves, in their order.
func (r *fakeRunner) ranAlone() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.alone)
}

// ranTogether returns the batches.
func (r *fakeRunner) ranTogether() [][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.batches)
}

// want wants certain batches to have been sent.
func (r *fakeRunner) want(t *testing.T, want ...[]string) {
	t.Helper()
	if got := r.ranTogether(); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("batches %v, want %v", got, want)
	}
}

// sleep is a statement that takes a while, and ends with its context.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// always returns that each statement takes so long.
func always(d time.Duration) func(*Statement) time.Duration {
	return func(*Statement) time.Duration { return d }
}

// slowOwner is how long statements take when those of one owner, slow, take long.
func slowOwner(s *Statement) time.Duration {
	if s.Owner == "slow" {
		return time.Minute
	}
	return time.Millisecond
}

// start runs a statement and returns a function that waits for its end.
func start(ctx context.Context, l *lane, s Statement) (wait func() error) {
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx, &call{Statement: s}) }()
	synctest.Wait()
	return func() error { return <-ended }
}

// read and write return statements of a name.
func read(name string) Statement         { return Statement{Name: name} }
func write(owner, name string) Statement { return Statement{Name: name, Owner: owner} }

// finish waits for calls, none of which may fail.
func finish(t *testing.T, calls ...func() error) {
	t.Helper()
	for i, wait := range calls {
		if err := wait(); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestStatementsGatherWhileAllSlotsAreTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(10 * time.Millisecond)}
		l := newLane(r, 1, oneAtATime())
		calls := []func() error{start(t.Context(), l, read("a"))}
		for _, name := range []string{"b", "c", "d"} {
			calls = append(calls, start(t.Context(), l, read(name)))
		}
		finish(t, calls...)
		r.want(t, []string{"a"}, []string{"b", "c", "d"})
	})
}

func TestALaneWithoutSlotsBatchesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(time.Millisecond)}
		l := newLane(r, 0, oneAtATime())
		finish(t, start(t.Context(), l, read("a")), start(t.Context(), l, read("b")))
		if len(r.ranAlone()) != 2 || len(r.ranTogether()) != 0 {
			t.Errorf("alone %v, batches %v", r.ranAlone(), r.ranTogether())
		}
	})
}

func TestAnOwnersWritesAreTogetherAndInOneBatchAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{}
		r.took = func(s *Statement) time.Duration {
			if s.Owner == "z" { // The first slot to be free is m1's.
				return 15 * time.Millisecond
			}
			return 10 * time.Millisecond
		}
		full := func(owner, name string) Statement {
			return Statement{Name: name, Owner: owner, Args: []any{string(make([]byte, fullBatchBytes))}}
		}
		l := newLane(r, 2, oneAtATime())
		var calls []func() error
		for _, s := range []Statement{write("m", "m1"), full("z", "z1"), full("z", "z2"), write("b", "b1"), write("m", "m2"), write("b", "b2"), write("a", "a1")} {
			calls = append(calls, start(t.Context(), l, s))
		}
		finish(t, calls...)
		r.want(t, []string{"m1"}, []string{"z1"}, []string{"a1", "b1", "b2", "m2"}, []string{"z2"})
	})
}

func TestABatchHasABound(t *testing.T) {
	t.Parallel()
	text := string(make([]byte, fullBatchBytes/2))
	for name, test := range map[string]struct {
		statement Statement
		most      int
	}{
		"statements": {read("get"), fullBatch},
		"rows":       {Statement{Name: "list", MaxRows: 200}, fullBatchRows / 200},
		"scans":      {Statement{Name: "find", IsScan: true, MaxRows: 2}, 8},
		"bytes":      {Statement{Name: "create", Owner: "o", Args: []any{&text, "x"}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &fakeRunner{took: always(0)}
				l := newLane(r, 1, oneAtATime())
				r.took = func(s *Statement) time.Duration {
					if s.Name == "first" {
						return time.Millisecond
					}
					return 0
				}
				calls := []func() error{start(t.Context(), l, read("first"))}
				for range 2 * test.most {
					calls = append(calls, start(t.Context(), l, test.statement))
				}
				finish(t, calls...)
				if got := r.ranTogether(); len(got) != 3 || len(got[1]) != test.most || len(got[2]) != test.most {
					t.Errorf("%d batches, the second of %d", len(got), len(got[1]))
				}
			})
		})
	}
}

func TestACallThatLeavesIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(10 * time.Millisecond)}
		l := newLane(r, 1, oneAtATime())
		first := start(t.Context(), l, read("a"))
		ctx, cancel := context.WithCancel(t.Context())
		leaves := start(ctx, l, read("b"))
		stays := start(t.Context(), l, read("c"))
		cancel()
		if err := leaves(); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		finish(t, first, stays)
		r.want(t, []string{"a"}, []string{"c"})
	})
}

func TestNothingIsRepeatedThatMayHaveTakenEffect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(10 * time.Millisecond)}
		r.fails = func(s *Statement) error {
			if s.Name == "first" {
				return nil
			}
			return &lostConnectionError{errors.New("reset by peer")}
		}
		l := newLane(r, 1, oneAtATime())
		first := start(t.Context(), l, write("x", "first"))
		update := start(t.Context(), l, write("a", "update"))
		create := start(t.Context(), l, Statement{Name: "create", Owner: "b", Idempotent: true})
		finish(t, first, create)
		if err := update(); !errors.Is(err, ErrUnavailable) {
			t.Errorf("the update: %v", err)
		}
		if slices.Contains(r.ranAlone(), "update") || !slices.Contains(r.ranAlone(), "create") {
			t.Errorf("alone %v", r.ranAlone())
		}
	})
}

func TestAStatementThatTakesLongHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: slowOwner}
		l := newLane(r, 1, oneAtATime())
		ctx, cancel := context.WithCancel(t.Context())
		first, second := start(ctx, l, write("slow", "1")), start(ctx, l, write("slow", "2"))
		began := time.Now()
		finish(t, start(t.Context(), l, write("a", "a")))
		if took := time.Since(began); took > UsualBounds().Batch+10*time.Millisecond {
			t.Errorf("held up for %v", took)
		}
		if !slices.Contains(r.ranAlone(), "2") {
			t.Errorf("the owner's next write waits: alone %v", r.ranAlone())
		}
		finish(t, start(t.Context(), l, write("b", "b")))
		cancel()
		_, _ = first(), second()
	})
}

func TestABatchThatGetsNoConnectionHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(time.Millisecond), connect: time.Minute}
		l := newLane(r, 1, oneAtATime())
		began := time.Now()
		finish(t, start(t.Context(), l, read("a")), start(t.Context(), l, read("b")), start(t.Context(), l, read("c")))
		if took := time.Since(began); took > UsualBounds().Batch+10*time.Millisecond {
			t.Errorf("held up for %v", took)
		}
	})
}

func TestAPanicInABatchIsItsOwnCallsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(time.Millisecond)}
		r.fails = func(*Statement) error { panic("scan") }
		l := newLane(r, 1, oneAtATime())
		finish(t, start(t.Context(), l, read("a")), start(t.Context(), l, read("b")))
		if len(r.ranAlone()) != 2 {
			t.Errorf("alone %v", r.ranAlone())
		}
	})
}

func TestTooManyWaitingCallsAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(time.Millisecond)}
		l := newLane(r, 1, oneAtATime())
		var calls []func() error
		for range 1 + maxWaiting {
			calls = append(calls, start(t.Context(), l, read("a")))
		}
		if err := start(t.Context(), l, read("b"))(); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errOverloaded) {
			t.Errorf("%v", err)
		}
		finish(t, calls...)
	})
}

func TestABatchOfReadsThatFailsRunsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(time.Millisecond)}
		r.fails = func(s *Statement) error {
			if s.Name == "c" {
				return &pgconn.PgError{Code: "22000", SeverityUnlocalized: "ERROR"}
			}
			return nil
		}
		l := newLane(r, 1, oneAtATime())
		var calls []func() error
		for _, name := range []string{"a", "b", "c", "d"} {
			calls = append(calls, start(t.Context(), l, read(name)))
		}
		finish(t, calls...)
		r.want(t, []string{"a"}, []string{"b", "c", "d"})
		if alone := r.ranAlone(); len(alone) != 3 {
			t.Errorf("alone %v, want b, c, d", alone)
		}
	})
}

func TestACallIsInTwoBatchesAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(time.Millisecond)}
		r.fails = func(s *Statement) error {
			if s.Owner != "good" && s.Owner != "x" {
				return &pgconn.PgError{Code: lockNotAvailable, SeverityUnlocalized: "ERROR"}
			}
			return nil
		}
		l := newLane(r, 1, oneAtATime())
		first := start(t.Context(), l, write("x", "first"))
		calls := []func() error{first}
		for _, owner := range []string{"a", "b", "good", "z"} {
			calls = append(calls, start(t.Context(), l, write(owner, owner+"'s")))
		}
		finish(t, calls...)
		r.want(t, []string{"first"}, []string{"a's", "b's", "good's", "z's"}, []string{"b's", "good's", "z's"})
		if !slices.Contains(r.ranAlone(), "good's") {
			t.Errorf("alone %v", r.ranAlone())
		}
	})
}

func TestACallWaitsNoLongerThanForAConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bounds := oneAtATime()
		bounds.Batch, bounds.BatchPace = time.Minute, time.Minute
		r := &fakeRunner{took: always(10 * time.Second)}
		l := newLane(r, 1, bounds)
		first, second := start(t.Context(), l, read("first")), start(t.Context(), l, read("second"))
		finish(t, first, second)
		r.want(t, []string{"first"})
		if alone := r.ranAlone(); !slices.Equal(alone, []string{"second"}) {
			t.Errorf("alone %v, want the second", alone)
		}
	})
}

func TestABatchIsSentBesideOneThatHasTakenItsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(100 * time.Millisecond)}
		l := newLane(r, 3, UsualBounds())
		began := time.Now()
		calls := []func() error{start(t.Context(), l, read("a"))}
		for _, name := range []string{"b", "c"} {
			calls = append(calls, start(t.Context(), l, read(name)))
		}
		time.Sleep(UsualBounds().BatchPace)
		synctest.Wait()
		r.want(t, []string{"a"}, []string{"b", "c"})
		calls = append(calls, start(t.Context(), l, read("d")))
		time.Sleep(UsualBounds().BatchPace + time.Millisecond)
		calls = append(calls, start(t.Context(), l, read("e"))) // There is no further slot.
		time.Sleep(2 * UsualBounds().BatchPace)
		synctest.Wait()
		r.want(t, []string{"a"}, []string{"b", "c"}, []string{"d"})
		finish(t, calls...)
		r.want(t, []string{"a"}, []string{"b", "c"}, []string{"d"}, []string{"e"})
		if took := time.Since(began); took > 350*time.Millisecond {
			t.Errorf("that took %v", took)
		}
	})
}

func TestWhileAllBatchesAreBeingCanceledStatementsRunAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: slowOwner, ending: time.Second}
		l := newLane(r, 1, oneAtATime())
		ctx, leave := context.WithCancel(t.Context())
		slow := start(ctx, l, write("slow", "slow"))
		time.Sleep(UsualBounds().Batch)
		began := time.Now()
		finish(t, start(t.Context(), l, write("a", "a")))
		if took := time.Since(began); took > 10*time.Millisecond {
			t.Errorf("held up for %v", took)
		}
		leave()
		_ = slow()
	})
}

func TestAWriteIsNotSentAgainForACallerWhoHasLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(10 * time.Millisecond)}
		r.fails = func(s *Statement) error {
			if s.Owner == "c" {
				return &pgconn.PgError{Code: lockNotAvailable, SeverityUnlocalized: "ERROR"}
			}
			return nil
		}
		l := newLane(r, 1, oneAtATime())
		ctx, leave := context.WithCancel(t.Context())
		first := start(t.Context(), l, write("x", "first"))
		left, stays, refused := start(ctx, l, write("a", "left")), start(t.Context(), l, write("b", "stays")), start(t.Context(), l, write("c", "refused"))
		finish(t, first)
		synctest.Wait() // The batch is under way.
		leave()
		finish(t, stays, refused)
		if err := left(); !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
		r.want(t, []string{"first"}, []string{"left", "stays", "refused"}, []string{"stays"})
	})
}
