package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"example.com/todo-backend/internal/todo"
)

const (
	// maxSharedRows bounds the rows that a shared statement may return, which
	// are in memory at the same time. A call that may have more than
	// maxCallRows of them does not share. Calls have no bound of their own: when
	// this process can't keep up, what helps is that all who wait share.
	maxSharedRows = 2000
	maxCallRows   = 500

	// sharingPatience is how long a statement may take while others wait for
	// it; sharingRest is how long nothing is shared when one took longer.
	sharingPatience = 250 * time.Millisecond
	sharingRest     = time.Second
)

// sharer lets calls that come in together share a statement, which costs the
// database and this process far less than one statement for each. The first
// calls run statements of their own; those that come while as many run wait,
// and share the next one.
//
// A shared statement serves or steps aside: when it fails, whatever the reason,
// or is late, each of its calls runs its own statement, as if there had been no
// other, and when it was late, nothing is shared for a while. It may have had
// its effect by then, so only what is idempotent is shared. So a call can't
// be failed by one that it shares with, and once the statement has a connection is
// held up by it no longer than sharingPatience. A caller who leaves just leaves.
//
// To wait for a shared statement is to wait for a connection: maxWaiting calls
// do at most, and none for longer than acquireTimeout.
type sharer[Q sharedQuery] struct {
	// atOnce is how many statements run before calls wait to share; at 0 they
	// never do.
	atOnce int

	operation string // As errors name it.

	// ask fills in the todos of calls by one statement. It calls began when the
	// statement has its connection.
	ask func(ctx context.Context, calls []*sharedCall[Q], began func()) error

	// refuse returns the error of a call that would be one more than
	// maxWaiting.
	refuse func(ctx context.Context, waiting int) error

	mu      sync.Mutex
	running int              // Statements, but those that are late.
	waiting []*sharedCall[Q] // None while fewer than atOnce run.
	restsTo time.Time        // When sharing begins again.
}

func newSharer[Q sharedQuery](
	atOnce int, operation string,
	ask func(context.Context, []*sharedCall[Q], func()) error, refuse func(context.Context, int) error,
) *sharer[Q] {
	return &sharer[Q]{atOnce: atOnce, operation: operation, ask: ask, refuse: refuse}
}

// sharedQuery is what a call asks for.
type sharedQuery interface {
	maxRows() int // That the answer has.
}

// sharedCall is a call that waits to share a statement, or does.
type sharedCall[Q sharedQuery] struct {
	query Q
	since time.Time       // When it came.
	left  <-chan struct{} // Closed when the caller is gone.
	done  chan struct{}   // Closed when served or not.

	// Good when done is closed.
	todos   []todo.Todo
	leftOut bool // Of the statement, which can't serve it beside another call.
	served  bool
	err     error // It has waited for too long.
}

// do answers a query: by alone, which runs a statement of the call's own, or
// by a shared statement.
func (s *sharer[Q]) do(ctx context.Context, query Q, alone func() ([]todo.Todo, error)) ([]todo.Todo, error) {
	call, counted, err := s.enter(ctx, query)
	switch {
	case err != nil:
		return nil, interpret(ctx, s.operation, &noConnectionError{err})
	case counted:
		defer s.watchOwn()()
		return alone()
	case call == nil:
		return alone()
	}
	select {
	case <-call.done:
	case <-ctx.Done():
		return nil, interpret(ctx, s.operation, ctx.Err())
	}
	switch {
	case call.err != nil:
		return nil, interpret(ctx, s.operation, &noConnectionError{call.err})
	case !call.served:
		return alone()
	}
	return call.todos, nil
}

// enter says how a query is to be answered: by a statement of its own, which
// counts as running or not, or by one that is shared, when it returns a call to
// wait for.
func (s *sharer[Q]) enter(ctx context.Context, query Q) (call *sharedCall[Q], counted bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case s.running < s.atOnce:
		s.running++
		return nil, true, nil
	case s.atOnce == 0, query.maxRows() > maxCallRows, now.Before(s.restsTo):
		return nil, false, nil
	case len(s.waiting) == maxWaiting:
		return nil, false, s.refuse(ctx, maxWaiting)
	}
	call = &sharedCall[Q]{query: query, since: now, left: ctx.Done(), done: make(chan struct{})}
	s.waiting = append(s.waiting, call)
	return call, false, nil
}

// watchOwn gives a call's own statement, which was counted as running, its time.
// It returns what to call when the statement has ended. When that is late, for
// whatever reason, the statement counts no longer, and the next takes its place.
func (s *sharer[Q]) watchOwn() (ended func()) {
	return s.nextUnlessLate(time.AfterFunc(sharingPatience, s.next))
}

// nextUnlessLate returns what to call when a statement has ended whose time a
// timer keeps.
func (s *sharer[Q]) nextUnlessLate(timer *time.Timer) (ended func()) {
	return func() {
		if timer.Stop() {
			s.next()
		}
	}
}

// watchShared gives a shared statement its time, which begins with began: to
// wait for a connection is what each of its calls would do by itself, and all
// the longer. When it is late, the statement counts no longer, calls that wait go
// their own way, and late is called.
func (s *sharer[Q]) watchShared(late func()) (began, ended func()) {
	timer := time.AfterFunc(acquireTimeout+sharingPatience, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running--
		s.restsTo = time.Now().Add(sharingRest)
		for _, call := range s.waiting {
			close(call.done)
		}
		s.waiting = nil
		late()
	})
	began = func() {
		if timer.Stop() {
			timer.Reset(sharingPatience)
		}
	}
	return began, s.nextUnlessLate(timer)
}

// next starts a statement in place of one that has ended, when calls wait.
func (s *sharer[Q]) next() {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.take()
	if len(calls) == 0 {
		s.running--
		return
	}
	go s.share(calls)
}

// take returns the calls that share the next statement, in the order in which
// they came. Those that have waited for as long as they would for a connection
// are refused.
func (s *sharer[Q]) take() []*sharedCall[Q] {
	var calls []*sharedCall[Q]
	rows, taken := 0, 0
	for _, call := range s.waiting {
		select {
		case <-call.left:
			taken++
			continue
		default:
		}
		if time.Since(call.since) > acquireTimeout {
			taken++
			call.err = errPoolBusy
			close(call.done)
			continue
		}
		rows += call.query.maxRows()
		if rows > maxSharedRows {
			break
		}
		taken++
		calls = append(calls, call)
	}
	clear(s.waiting[:taken]) // Or the array would keep them, and their todos.
	s.waiting = s.waiting[taken:]
	return calls
}

// share runs a statement for calls.
func (s *sharer[Q]) share(calls []*sharedCall[Q]) {
	// No caller's context: each may leave. The store bounds the statement.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	began, ended := s.watchShared(cancel)
	defer ended()
	err := s.try(ctx, calls, began)
	for _, call := range calls {
		call.served = err == nil && !call.leftOut
		close(call.done)
	}
}

// try is ask, of which a panic is a failure like others: here it would end the
// process, and in the statement of the call that it comes from, it comes again.
func (s *sharer[Q]) try(ctx context.Context, calls []*sharedCall[Q], began func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return s.ask(ctx, calls, began)
}
