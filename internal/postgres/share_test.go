package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/todo"
)

// usual is how long a statement takes in these tests when nothing is said.
const usual = 10 * time.Millisecond

// numbered is what a call asks for: its own number.
type numbered struct {
	number, rows int
	id           *todo.ID // To be made.
	isThere      bool     // Already.
	isHeldUp     bool
}

func (q numbered) weight() int     { return q.rows }
func (q numbered) makes() *todo.ID { return q.id }

// shareTest is a sharer, and what it runs.
type shareTest struct {
	sharer[numbered]
	t *testing.T

	// How long statements take, and how they end: a call's own, and shared.
	own, shared func(context.Context) error

	// How long shared ones wait for a connection, and why they get none.
	connecting  time.Duration
	unconnected error

	mu         sync.Mutex
	statements [][]int // The numbers of the calls of each that was shared.
	alone      []int   // The calls that ran their own.
}

// answered is what came of a call.
type answered struct {
	alone, shared bool // Which statement answered.
	err           error
	took          time.Duration
}

// newShareTest returns a sharer that has to be idle when the test, which is in a
// bubble, has ended.
func newShareTest(t *testing.T, atOnce int) *shareTest {
	t.Helper()
	s := &shareTest{t: t, own: takes(usual), shared: takes(usual)}
	t.Cleanup(s.wantIdle)
	refuse := func(context.Context, int) error { return errOverloaded }
	s.sharer = sharer[numbered]{operation: "test", bounds: usualBounds(), atOnce: atOnce, refuse: refuse, making: make(map[todo.ID]bool), isHeldUp: func(q numbered) bool { return q.isHeldUp }, ask: func(ctx context.Context, begin func() []*sharedCall[numbered]) error {
		connecting, _ := s.connects()
		time.Sleep(connecting)
		if _, err := s.connects(); err != nil {
			return err
		}
		calls := begin()
		if len(calls) == 0 {
			return nil
		}
		var numbers []int
		for _, call := range calls {
			numbers = append(numbers, call.query.number)
			if !call.query.isThere {
				call.todos = append(call.todos, todo.Todo{Title: fmt.Sprint("shared ", call.query.number)})
			}
		}
		s.mu.Lock()
		s.statements = append(s.statements, numbers)
		shared := s.shared
		s.mu.Unlock()
		return shared(ctx)
	}}
	return s
}

// connects returns how long a statement waits for a connection, and how that ends
// now.
func (s *shareTest) connects() (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connecting, s.unconnected
}

// connect says so from now on.
func (s *shareTest) connect(connecting time.Duration, unconnected error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connecting, s.unconnected = connecting, unconnected
}

// takes is a statement that takes so long.
func takes(d time.Duration) func(context.Context) error { return fails(d, nil) }

// fails is a statement that takes so long to fail.
func fails(d time.Duration, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// call makes a call and waits for its answer, which has to be its own.
func (s *shareTest) call(ctx context.Context, query numbered) answered {
	s.t.Helper()
	number := query.number
	own := fmt.Sprint("alone ", number)
	began := time.Now()
	todos, err := s.do(ctx, query, func(waited time.Duration) ([]todo.Todo, error) {
		if waited >= acquireTimeout {
			return nil, todo.ErrUnavailable
		}
		s.mu.Lock()
		s.alone = append(s.alone, number)
		statement := s.own
		s.mu.Unlock()
		return []todo.Todo{{Title: own}}, statement(ctx)
	})
	a := answered{err: err, took: time.Since(began)}
	if err != nil {
		return a
	}
	a.alone, a.shared = todos[0].Title == own, todos[0].Title == fmt.Sprint("shared ", number)
	if len(todos) != 1 || !a.alone && !a.shared {
		s.t.Errorf("call %d is answered %v", number, todos)
	}
	return a
}

// start makes a call of one row, and returns when it waits for something.
func (s *shareTest) start(ctx context.Context, number int) <-chan answered {
	return s.startRows(ctx, number, 1)
}

func (s *shareTest) startRows(ctx context.Context, number, rows int) <-chan answered {
	return s.startQuery(ctx, numbered{number: number, rows: rows})
}

func (s *shareTest) startQuery(ctx context.Context, query numbered) <-chan answered {
	answer := make(chan answered, 1)
	go func() { answer <- s.call(ctx, query) }()
	synctest.Wait()
	return answer
}

// startAll makes calls of one row, from one number to before another.
func (s *shareTest) startAll(from, to int) []<-chan answered {
	var all []<-chan answered
	for number := from; number < to; number++ {
		all = append(all, s.start(s.t.Context(), number))
	}
	return all
}

// wantAll waits for answers and wants all to be like one.
func wantAll(t *testing.T, what string, all []<-chan answered, want answered) {
	t.Helper()
	for _, answer := range all {
		got := <-answer
		failed := got.err
		if errors.Is(got.err, want.err) {
			got.err = want.err // Its text is interpret's.
		}
		if got != want {
			t.Errorf("%s: %+v (%v), want %+v", what, got, failed, want)
		}
	}
}

// wantStatements wants statements to have been shared, in this order.
func (s *shareTest) wantStatements(want ...[]int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(want, s.statements); diff != "" {
		s.t.Errorf("shared statements (-want +got):\n%s", diff)
	}
}

// wantIdle wants nothing to run and nobody to wait.
func (s *shareTest) wantIdle() {
	s.t.Helper()
	synctest.Wait()
	s.sharer.mu.Lock()
	defer s.sharer.mu.Unlock()
	if s.running != 0 || s.young != 0 || s.sharer.connecting != 0 || len(s.waiting) != 0 || len(s.making) != 0 {
		s.t.Errorf("%d statements run, of which %d are young and %d have no connection, %d calls wait and %d todos are being made in the end",
			s.running, s.young, s.sharer.connecting, len(s.waiting), len(s.making))
	}
}

// numbers returns those from one to before another.
func numbers(from, to int) (all []int) {
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

func TestTheFirstCallRunsAloneAndTheOthersShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		first := s.startAll(0, 1)
		others := s.startAll(1, 7)
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		wantAll(t, "the others", others, answered{shared: true, took: 2 * usual})
		s.wantStatements(numbers(1, 7))
		s.wantIdle()
		wantAll(t, "afterwards", s.startAll(7, 8), answered{alone: true, took: usual})
	})
}

// TestStatementsStartAtAPace has them take longer, first a call's own.
func TestStatementsStartAtAPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const long, tick = 10 * sharingPace, time.Nanosecond
		s := newShareTest(t, 3)
		s.own, s.shared = takes(long), takes(long)
		first := s.startAll(0, 1)
		others := s.startAll(1, 3)
		time.Sleep(sharingPace - tick)
		s.wantStatements()
		others = append(others, s.startAll(3, 4)...)
		time.Sleep(tick)
		synctest.Wait()
		s.wantStatements(numbers(1, 4))
		time.Sleep(sharingPace)
		synctest.Wait()
		second := s.startAll(4, 5)
		synctest.Wait()
		third := s.startAll(5, 6)
		time.Sleep(2 * sharingPace)
		synctest.Wait()
		s.wantStatements(numbers(1, 4)) // Three run.
		wantAll(t, "the first", first, answered{alone: true, took: long})
		wantAll(t, "those before a statement", others[:2], answered{shared: true, took: long + sharingPace})
		wantAll(t, "who came last before it", others[2:], answered{shared: true, took: long + tick})
		wantAll(t, "who came when none was young", second, answered{alone: true, took: long})
		wantAll(t, "who came when three ran", third, answered{shared: true, took: 2*long - 2*sharingPace})
		s.wantStatements(numbers(1, 4), []int{5})
	})
}

// TestACrowdDoesNotWaitForTheStatementBefore has three be one.
func TestACrowdDoesNotWaitForTheStatementBefore(t *testing.T) {
	t.Parallel()
	const long = sharingPace - time.Nanosecond // All statements stay young.
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 4)
		s.crowdSize, s.own, s.shared = 3, takes(long), takes(long)
		first := s.startAll(0, 1)
		few := s.startAll(1, 3)
		s.wantStatements()
		time.Sleep(long / 2)
		crowd := s.startAll(3, 4)
		s.wantStatements(numbers(1, 4))
		another := s.startAll(4, 9)
		s.wantStatements(numbers(1, 4)) // Two are young.
		wantAll(t, "the first", first, answered{alone: true, took: long})
		wantAll(t, "those who waited", few, answered{shared: true, took: long/2 + long})
		wantAll(t, "who made them a crowd", crowd, answered{shared: true, took: long})
		wantAll(t, "another crowd", another, answered{shared: true, took: long - long/2 + long})
		s.wantStatements(numbers(1, 4), numbers(4, 9))
	})
	synctest.Test(t, func(t *testing.T) { // As many as may run.
		s := newShareTest(t, 1)
		s.crowdSize = 2
		first := s.startAll(0, 1)
		crowd := s.startAll(1, 4)
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		wantAll(t, "the crowd", crowd, answered{shared: true, took: 2 * usual})
	})
	synctest.Test(t, func(t *testing.T) { // One that has no connection yet takes all.
		s := newShareTest(t, 4)
		s.crowdSize, s.own, s.connecting = 2, takes(1), long
		first := s.startAll(0, 1)
		one := s.startAll(1, 2)
		wantAll(t, "the first", first, answered{alone: true, took: 1})
		synctest.Wait()
		s.connect(0, nil) // Others have one at once.
		crowd := s.startAll(2, 6)
		wantAll(t, "who came first", one, answered{shared: true, took: 1 + long + usual})
		wantAll(t, "the crowd", crowd, answered{shared: true, took: long + usual})
		s.wantStatements(numbers(1, 6))
	})
}

// TestTheFirstStatementWithAConnectionTakesAllWhoWait has several wait for one, the
// first for long.
func TestTheFirstStatementWithAConnectionTakesAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 4)
		s.connecting = 20 * sharingPace
		first := s.startAll(0, 1)
		others := s.startAll(1, 2)
		time.Sleep(2*sharingPace - time.Nanosecond)
		s.connect(3*sharingPace, nil) // Of the second, which starts now.
		time.Sleep(sharingPace)
		s.connect(20*sharingPace, nil)
		later := s.startAll(2, 3)
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		wantAll(t, "the others", others, answered{shared: true, took: 5*sharingPace + usual})
		wantAll(t, "who came meanwhile", later, answered{shared: true, took: 2*sharingPace + usual + time.Nanosecond})
		s.wantStatements(numbers(1, 3))
		time.Sleep(20 * sharingPace)
	})
}

// TestAStatementWithoutAConnectionLeavesTheCallsToAnother has the first fail that
// wants one.
func TestAStatementWithoutAConnectionLeavesTheCallsToAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 2)
		s.own = takes(sharingPace)
		s.connecting, s.unconnected = 2*sharingPace, nil
		first := s.startAll(0, 1)
		others := s.startAll(1, 2)
		wantAll(t, "the first", first, answered{alone: true, took: sharingPace})
		time.Sleep(2*sharingPace - time.Nanosecond)
		s.connect(2*sharingPace, errPoolBusy) // Of the first of two.
		time.Sleep(2 * time.Nanosecond)
		s.connect(2*sharingPace, nil)
		wantAll(t, "the others", others, answered{shared: true, took: 4*sharingPace + usual})
		s.wantStatements(numbers(1, 2))
	})
}

func TestSharedStatementsFollowOneAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		first := s.startAll(0, 1)
		second := s.startAll(1, 3)
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		synctest.Wait()
		third := s.startAll(3, 5)
		wantAll(t, "the second", second, answered{shared: true, took: 2 * usual})
		wantAll(t, "the third", third, answered{shared: true, took: 2 * usual})
		s.wantStatements(numbers(1, 3), numbers(3, 5))
	})
}

func TestNothingIsSharedAtZeroAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 0)
		wantAll(t, "all", s.startAll(0, 10), answered{alone: true, took: usual})
	})
}

func TestNobodyFailsByAStatementThatWasShared(t *testing.T) {
	t.Parallel()
	for name, shared := range map[string]func(context.Context) error{
		"an error": fails(usual, errors.New("refused")),
		"a panic":  func(context.Context) error { time.Sleep(usual); panic("defect") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShareTest(t, 1)
				s.shared = shared
				first := s.startAll(0, 1)
				others := s.startAll(1, 5)
				wantAll(t, "the first", first, answered{alone: true, took: usual})
				wantAll(t, "the others", others, answered{alone: true, took: 3 * usual})
				s.wantStatements(numbers(1, 5))
			})
		})
	}
}

func TestALateStatementIsGivenUpAndNothingIsSharedForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.shared = takes(time.Hour) // Unless it is canceled.
		first := s.startAll(0, 1)
		others := s.startAll(1, 4)
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		synctest.Wait()
		waiting := s.startAll(4, 6)
		wantAll(t, "in the statement that is late", others, answered{alone: true, took: 2*usual + sharingPatience})
		wantAll(t, "waiting for the next", waiting, answered{alone: true, took: usual + sharingPatience})

		s.shared = takes(usual)
		time.Sleep(sharingRest - usual - time.Nanosecond)
		wantAll(t, "at rest", s.startAll(6, 9), answered{alone: true, took: usual})
		first, others = s.startAll(9, 10), s.startAll(10, 12)
		wantAll(t, "the first after the rest", first, answered{alone: true, took: usual})
		wantAll(t, "the others after the rest", others, answered{shared: true, took: 2 * usual})
		s.wantStatements(numbers(1, 4), numbers(10, 12))
	})
}

func TestALateStatementOfACallsOwnLetsTheOthersGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.own = takes(time.Second)
		first := s.startAll(0, 1)
		s.own = takes(usual)
		others := s.startAll(1, 4)
		wantAll(t, "the others", others, answered{shared: true, took: sharingPatience + usual})
		wantAll(t, "the first", first, answered{alone: true, took: time.Second})
		s.wantStatements(numbers(1, 4))
	})
}

// TestToWaitForAConnectionIsNotToBeLate is about a pool that is full of what came
// before: if statements were given up for that, all would go their own way, and
// fill it again.
func TestToWaitForAConnectionIsNotToBeLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.connecting = acquireTimeout - 2*usual
		s.shared = takes(sharingPatience - time.Nanosecond)
		first := s.startAll(0, 1)
		others := s.startAll(1, 4)
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		time.Sleep(acquireTimeout / 2)
		others = append(others, s.startAll(4, 5)...)
		wantAll(t, "the others", others[:3], answered{shared: true, took: s.connecting + usual + sharingPatience - time.Nanosecond})
		wantAll(t, "who came meanwhile", others[3:], answered{shared: true, took: s.connecting - acquireTimeout/2 + sharingPatience - time.Nanosecond})
		s.wantStatements(numbers(1, 5))
	})
}

// TestAStatementWithoutAConnectionLeavesItsCallsWhatIsLeftOfTheirTime has some come
// while it waits for one.
func TestAStatementWithoutAConnectionLeavesItsCallsWhatIsLeftOfTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.connecting, s.unconnected = acquireTimeout, errPoolBusy
		first := s.startAll(0, 1)
		others := s.startAll(1, 3)
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		time.Sleep(acquireTimeout / 2)
		later := s.startAll(3, 4)
		wantAll(t, "the others", others, answered{err: todo.ErrUnavailable, took: acquireTimeout})
		wantAll(t, "who came later", later, answered{alone: true, took: acquireTimeout/2 + usual})
		s.wantStatements()
	})
}

func TestAStatementMayEndAsItsPatienceDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.own, s.shared = takes(sharingPatience), takes(sharingPatience)
		for n := range 200 {
			answers := s.startAll(3*n, 3*n+3)
			for _, answer := range answers {
				if a := <-answer; a.err != nil || a.took > 3*sharingPatience {
					t.Errorf("%+v", a)
				}
			}
			s.wantIdle()
			time.Sleep(sharingRest)
		}
	})
}

func TestACallerWhoLeavesJustLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		ctx, leave := context.WithCancel(t.Context())
		late, cancel := context.WithTimeout(t.Context(), usual+usual/2)
		defer cancel()
		first := s.startAll(0, 1)
		others := s.startAll(1, 3)
		leaving := []<-chan answered{s.start(ctx, 3)}
		during := []<-chan answered{s.start(late, 4)}
		leave()
		wantAll(t, "left before the statement", leaving, answered{err: context.Canceled})
		wantAll(t, "left during the statement", during, answered{err: context.DeadlineExceeded, took: usual + usual/2})
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		wantAll(t, "the others", others, answered{shared: true, took: 2 * usual})
		s.wantStatements([]int{1, 2, 4})
	})
}

// TestACallWithoutTimeHoldsNobodyUp has others come while it waits for its deadline.
func TestACallWithoutTimeHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		const left = minStatementTime - time.Nanosecond
		ctx, cancel := context.WithTimeout(t.Context(), left)
		defer cancel()
		hopeless := []<-chan answered{s.start(ctx, 0)}
		wantAll(t, "another", s.startAll(1, 2), answered{alone: true, took: usual})
		wantAll(t, "the hopeless call", hopeless, answered{err: context.DeadlineExceeded, took: left})
		s.wantStatements()
	})
}

func TestNoStatementIsRunForCallersWhoAllLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		ctx, leave := context.WithCancel(t.Context())
		first := s.startAll(0, 1)
		for n := range maxWaiting {
			s.startRows(ctx, 1+n, maxCallRows)
		}
		leave()
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		s.wantStatements()
	})
}

func TestCallersWhoLeftTakeNoRoomInAStatement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		ctx, leave := context.WithCancel(t.Context())
		first := s.startAll(0, 1)
		for n := range 200 {
			s.startRows(ctx, 1000+n, maxCallRows)
		}
		others := s.startAll(1, 101)
		leave()
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		wantAll(t, "the others", others, answered{shared: true, took: 2 * usual})
		s.wantStatements(numbers(1, 101))
	})
}

func TestASharedStatementIsBoundedAndServesInTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		first := s.startAll(0, 1)
		for n := range 250 {
			s.startRows(t.Context(), 1+n, maxSharedRows/100)
		}
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		time.Sleep(4 * usual)
		s.wantStatements(numbers(1, 101), numbers(101, 201), numbers(201, 251))

		s.statements = nil
		first = s.startAll(0, 1)
		for n, rows := range []int{500, 500, 500, 500, 1, 500, 500, 499, 500, 500, 500} {
			s.startRows(t.Context(), 1+n, rows)
		}
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		time.Sleep(4 * usual)
		s.wantStatements(numbers(1, 5), numbers(5, 10), numbers(10, 12))
	})
}

// TestOneCallAtATimeSharesToMakeATodo has callers leave before their statement and
// in the midst of it, which ends none.
func TestOneCallAtATimeSharesToMakeATodo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.shared = takes(3 * usual)
		create := func(ctx context.Context, number int) []<-chan answered {
			return []<-chan answered{s.startQuery(ctx, numbered{number: number, id: &todo.ID{1}})}
		}
		early, leaveEarly := context.WithCancel(t.Context())
		midway, leaveMidway := context.WithCancel(t.Context())
		s.start(t.Context(), 0)
		create(early, 1)
		wantAll(t, "beside one that waits", create(t.Context(), 2), answered{alone: true, took: usual})
		synctest.Wait()
		s.wantStatements([]int{1})
		wantAll(t, "beside one that is made", create(t.Context(), 3), answered{alone: true, took: usual})
		leaveEarly()
		wantAll(t, "beside one that was left", create(t.Context(), 4), answered{alone: true, took: usual})
		other := s.startQuery(t.Context(), numbered{number: 5, id: &todo.ID{2}})
		time.Sleep(usual)
		wantAll(t, "another", []<-chan answered{other}, answered{shared: true, took: 4 * usual})

		s.start(t.Context(), 6)
		create(midway, 7)
		leaveMidway()
		synctest.Wait()
		wantAll(t, "when nobody waits", create(t.Context(), 8), answered{shared: true, took: 4 * usual})
		s.wantIdle()
		wantAll(t, "when none is made", create(t.Context(), 9), answered{alone: true, took: usual})
		s.wantStatements([]int{1}, []int{5}, []int{8})
	})
}

// TestACallThatIsHeldUpShares has one of its own wait for long, and one that
// shares.
func TestACallThatIsHeldUpShares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.own = takes(time.Hour)
		heldUp := s.startQuery(t.Context(), numbered{number: 0, isHeldUp: true})
		s.own = takes(usual)
		others := s.startAll(1, 2)
		wantAll(t, "the call that is held up", []<-chan answered{heldUp}, answered{shared: true, took: usual})
		wantAll(t, "another", others, answered{shared: true, took: 2 * usual})
		s.wantStatements([]int{0}, []int{1})
		s.wantIdle()

		s.restsTo = time.Now().Add(sharingRest)
		s.own = takes(sharingPatience)
		heldUp = s.startQuery(t.Context(), numbered{number: 2, isHeldUp: true})
		s.own = takes(usual)
		wantAll(t, "beside it, at rest", s.startAll(3, 5), answered{alone: true, took: usual})
		wantAll(t, "at rest", []<-chan answered{heldUp}, answered{alone: true, took: sharingPatience})
	})
}

// TestACallThatWasToMakeATodoAndHasNoneRunsItsOwn is about one that was there.
func TestACallThatWasToMakeATodoAndHasNoneRunsItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		first := s.startAll(0, 1)
		others := s.startAll(1, 3)
		repetition := s.startQuery(t.Context(), numbered{number: 3, id: &todo.ID{1}, isThere: true})
		wantAll(t, "the first", first, answered{alone: true, took: usual})
		wantAll(t, "the others", others, answered{shared: true, took: 2 * usual})
		wantAll(t, "the repetition", []<-chan answered{repetition}, answered{alone: true, took: 3 * usual})
		s.wantStatements([]int{1, 2, 3})
	})
}

func TestACallOfMoreRowsThanMayShareRunsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.startAll(0, 2)
		large := s.startRows(t.Context(), 2, maxCallRows+1)
		wantAll(t, "the large call", []<-chan answered{large}, answered{alone: true, took: usual})
		time.Sleep(usual)
	})
}

func TestCallsBeyondThoseThatMayWaitAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.startAll(0, 1)
		waiting := s.startAll(1, 1+maxWaiting)
		if a := <-s.start(t.Context(), 5000); !errors.Is(a.err, todo.ErrUnavailable) || !errors.Is(a.err, errOverloaded) || a.took != 0 {
			t.Errorf("one more: %+v, want it refused at once", a)
		}
		wantAll(t, "those that wait", waiting, answered{shared: true, took: 2 * usual})
	})
}

// TestNoCallWaitsLongerThanForAConnection has statements end just in time, with
// more calls than those of a second can serve.
func TestNoCallWaitsLongerThanForAConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.connecting = 100 * time.Millisecond
		s.shared = takes(sharingPatience - time.Millisecond)
		s.startAll(0, 1)
		var all []<-chan answered
		for n := range 50 {
			all = append(all, s.startRows(t.Context(), 1+n, maxCallRows))
		}
		shared := 0
		for n, answer := range all {
			switch a := <-answer; {
			case a.shared && a.took < acquireTimeout+sharingPatience:
				shared++
			case !errors.Is(a.err, todo.ErrUnavailable) || a.took != acquireTimeout:
				t.Errorf("call %d: %+v", n, a)
			}
		}
		statements := 1 + int((acquireTimeout-usual-s.connecting)/(s.connecting+sharingPatience-time.Millisecond))
		if want := statements * maxSharedRows / maxCallRows; shared != want {
			t.Errorf("%d calls shared, want the %d of the statements that had a connection within %v", shared, want, acquireTimeout)
		}
	})
}

func TestCallsThatHaveSharedAreNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 1)
		s.waiting = []*sharedCall[numbered]{{since: time.Now()}, {since: time.Now()}}
		kept := weak.Make(s.waiting[0])
		if taken := s.take(); len(taken) != 2 {
			t.Fatalf("%d calls are taken", len(taken))
		}
		runtime.GC()
		if kept.Value() != nil {
			t.Error("a call is kept after its statement")
		}
		runtime.KeepAlive(s)
	})
}

// TestWhateverHappensCallsGetTheirOwnAnswersInTime has many callers at once,
// some of whom leave, and statements of any length, some of which fail.
func TestWhateverHappensCallsGetTheirOwnAnswersInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShareTest(t, 4)
		const callers, calls = 64, 200
		s.crowdSize = 8
		// Statements are about as long as they may be once in so many times, and
		// fail every tenth.
		random := func(seldom int) func(context.Context) error {
			d := rand.N(usual)
			if rand.IntN(seldom) == 0 {
				d = sharingPatience*time.Duration(1+rand.IntN(2)) + time.Duration(rand.IntN(3)-1)
			}
			if rand.IntN(10) == 0 {
				return fails(d, errors.New("refused"))
			}
			return takes(d)
		}
		s.shared = func(ctx context.Context) error { return random(200)(ctx) }
		s.own = func(ctx context.Context) error { _ = random(10_000)(ctx); return ctx.Err() }
		var shared, alone, left int // Guarded by s.mu.
		var group sync.WaitGroup
		for caller := range callers {
			group.Go(func() {
				for n := range calls {
					ctx, cancel := context.WithCancel(t.Context())
					if rand.IntN(4) == 0 {
						ctx, cancel = context.WithTimeout(t.Context(), rand.N(2*usual))
					}
					query := numbered{number: caller*calls + n, rows: 1 + rand.IntN(maxCallRows)}
					if rand.IntN(4) == 0 {
						query.id = &todo.ID{byte(rand.IntN(4))}
					}
					a := s.call(ctx, query)
					switch {
					case a.took > 4*sharingPatience:
						t.Errorf("%+v", a)
					case a.err != nil && !errors.Is(a.err, ctx.Err()):
						t.Errorf("%+v, and the context's error is %v", a, ctx.Err())
					}
					cancel()
					s.mu.Lock()
					switch {
					case a.err != nil:
						left++
					case a.shared:
						shared++
					default:
						alone++
					}
					s.mu.Unlock()
					time.Sleep(rand.N(usual))
				}
			})
		}
		group.Wait()
		time.Sleep(sharingPatience) // For statements that all have left.
		t.Logf("%d shared, %d alone, %d left; %d shared statements", shared, alone, left, len(s.statements))
		if min(shared, alone, left) < 100 {
			t.Error("not everything has happened")
		}
		served := make(map[int]bool)
		for _, numbers := range s.statements {
			if len(numbers) == 0 {
				t.Errorf("a statement for %d calls", len(numbers))
			}
			for _, number := range numbers {
				if served[number] {
					t.Errorf("call %d is in two statements", number)
				}
				served[number] = true
			}
		}
	})
}
