package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"example.com/todo-backend/internal/todo"
)

const (
	// maxSharedRows bounds the rows that a shared statement may return or make,
	// which are in memory at the same time and take the database its time. A call
	// that may have more than maxCallRows of them does not share. Calls have no
	// bound of their own: when this process can't keep up, what helps is that all
	// who wait share.
	maxSharedRows = 2000
	maxCallRows   = 500

	// usualText is how many bytes of text a row has room for; more of it, where
	// it is known, counts for another row.
	usualText = 1024

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
// be failed by one that it shares with, and is held up by it no longer than
// sharingPatience. A caller who leaves just leaves.
//
// To wait for a shared statement is to wait for a connection: maxWaiting calls do
// at most, none for longer than acquireTimeout, and what they have waited is taken
// off the acquireTimeout that they have when they run their own after all.
type sharer[Q sharedQuery] struct {
	// atOnce is how many statements run before calls wait to share; at 0 they
	// never do.
	atOnce int

	operation string // As errors name it.

	// ask gets a connection, fills in the todos of the calls that begin returns
	// by one statement, and fails if any of it does. There may be no calls.
	ask func(ctx context.Context, begin func() []*sharedCall[Q]) error

	// refuse returns the error of a call that would be one more than
	// maxWaiting.
	refuse func(ctx context.Context, waiting int) error

	// isHeldUp, if set, reports whether a call's own statement would have to wait
	// for others of its owner's. While that counted as running, it would hold up
	// everybody; so the call shares, although few run.
	isHeldUp func(Q) bool

	mu      sync.Mutex
	running int              // Statements, but those that are late; shared ones from when they want a connection.
	waiting []*sharedCall[Q] // None while fewer than atOnce run.
	making  map[todo.ID]bool // By the calls that wait or share a statement.
	restsTo time.Time        // When sharing begins again.
}

func newSharer[Q sharedQuery](
	atOnce int, operation string,
	ask func(context.Context, func() []*sharedCall[Q]) error, refuse func(context.Context, int) error,
) *sharer[Q] {
	return &sharer[Q]{atOnce: atOnce, operation: operation, ask: ask, refuse: refuse, making: make(map[todo.ID]bool)}
}

// sharedQuery is what a call asks for.
type sharedQuery interface {
	weight() int     // The rows that it may have.
	makes() *todo.ID // The todo that it makes, if it makes one; one call at a time shares to make it.
}

// sharedCall is a call that waits to share a statement, or does.
type sharedCall[Q sharedQuery] struct {
	query Q
	since time.Time     // When it came.
	done  chan struct{} // Closed when served or not.

	// Good when done is closed.
	todos  []todo.Todo
	served bool
	waited time.Duration // For a connection.
}

// do answers a query: by alone, which runs a statement of the call's own after it
// has waited for a connection for so long, or by a shared statement.
func (s *sharer[Q]) do(ctx context.Context, query Q, alone func(waited time.Duration) ([]todo.Todo, error)) ([]todo.Todo, error) {
	call, counted, err := s.enter(ctx, query)
	switch {
	case err != nil:
		return nil, interpret(ctx, s.operation, &noConnectionError{err})
	case counted:
		defer s.watchOwn()()
		return alone(0)
	case call == nil:
		return alone(0)
	}
	defer time.AfterFunc(acquireTimeout, func() { s.withdraw(call) }).Stop()
	select {
	case <-call.done:
	case <-ctx.Done():
		s.withdraw(call)
		return nil, interpret(ctx, s.operation, ctx.Err())
	}
	if !call.served {
		return alone(call.waited)
	}
	return call.todos, nil
}

// enter says how a query is to be answered: by a statement of its own, which
// counts as running or not, or by one that is shared, when it returns a call to
// wait for.
func (s *sharer[Q]) enter(ctx context.Context, query Q) (call *sharedCall[Q], counted bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, id := time.Now(), query.makes()
	switch {
	case id != nil && s.making[*id]:
		// In a shared statement it would hold up all who wait for what it makes.
		return nil, false, nil
	case s.running < s.atOnce && (s.isHeldUp == nil || !s.isHeldUp(query)):
		s.running++
		return nil, true, nil
	case s.atOnce == 0, query.weight() > maxCallRows, now.Before(s.restsTo):
		return nil, false, nil
	case len(s.waiting) == maxWaiting:
		return nil, false, s.refuse(ctx, maxWaiting)
	}
	call = &sharedCall[Q]{query: query, since: now, done: make(chan struct{})}
	s.waiting = append(s.waiting, call)
	if id != nil {
		s.making[*id] = true
	}
	if s.running < s.atOnce {
		s.running++
		go s.share()
	}
	return call, false, nil
}

// withdraw takes a call out of those that wait, if it still does, to run its own
// statement.
func (s *sharer[Q]) withdraw(call *sharedCall[Q]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := slices.Index(s.waiting, call); n >= 0 {
		s.waiting = slices.Delete(s.waiting, n, n+1)
		s.dismiss(call)
	}
}

// dismiss has calls that have waited run their own statements.
func (s *sharer[Q]) dismiss(calls ...*sharedCall[Q]) {
	s.made(calls)
	for _, call := range calls {
		call.waited = time.Since(call.since)
		close(call.done)
	}
}

// watchOwn gives a call's own statement, which was counted as running, its time.
// It returns what to call when the statement has ended. When that is late, for
// whatever reason, the statement counts no longer, and the next takes its place.
func (s *sharer[Q]) watchOwn() (ended func()) {
	timer := time.AfterFunc(sharingPatience, func() { s.next(nil) })
	return s.nextUnlessLate(timer, nil)
}

// nextUnlessLate returns what to call when a statement, for calls that share it,
// has ended whose time a timer keeps.
func (s *sharer[Q]) nextUnlessLate(timer *time.Timer, calls []*sharedCall[Q]) (ended func()) {
	return func() {
		if timer.Stop() {
			s.next(calls)
		}
	}
}

// next starts a statement in place of one that has ended, for calls that shared
// it, when others wait.
func (s *sharer[Q]) next(ended []*sharedCall[Q]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made(ended)
	if len(s.waiting) == 0 {
		s.running--
		return
	}
	go s.share()
}

// made lets others share to make what calls were to make.
func (s *sharer[Q]) made(calls []*sharedCall[Q]) {
	for _, call := range calls {
		if id := call.query.makes(); id != nil {
			delete(s.making, *id)
		}
	}
}

// share runs a statement for the calls that wait when it has a connection. When it
// gets none, they see for themselves.
func (s *sharer[Q]) share() {
	// No caller's context: each may leave. The store bounds the statement.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var calls []*sharedCall[Q]
	var ended func()
	err := s.try(ctx, func() []*sharedCall[Q] {
		calls, ended = s.begin(cancel)
		return calls
	})
	if ended == nil {
		s.release()
		s.next(nil)
		return
	}
	for _, call := range calls {
		// One that was to make a todo and has none learns why from its own statement.
		call.served = err == nil && (len(call.todos) > 0 || call.query.makes() == nil)
		close(call.done)
	}
	ended()
}

// try is ask, of which a panic is a failure like others: here it would end the
// process, and in the statement of the call that it comes from, it comes again.
func (s *sharer[Q]) try(ctx context.Context, begin func() []*sharedCall[Q]) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return s.ask(ctx, begin)
}

// begin returns the calls of a statement, and what to call when it has ended. When
// that is late, the statement counts no longer, calls that wait go their own way,
// and late is called.
func (s *sharer[Q]) begin(late func()) (calls []*sharedCall[Q], ended func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls = s.take()
	timer := time.AfterFunc(sharingPatience, func() {
		s.mu.Lock()
		s.running--
		s.made(calls)
		s.restsTo = time.Now().Add(sharingRest)
		s.mu.Unlock()
		s.release()
		late()
	})
	return calls, s.nextUnlessLate(timer, calls)
}

// take returns the calls that share the next statement, in the order in which
// they came.
func (s *sharer[Q]) take() []*sharedCall[Q] {
	now, weight, n := time.Now(), 0, 0
	for _, call := range s.waiting {
		if weight += call.query.weight(); weight > maxSharedRows {
			break
		}
		call.waited = now.Sub(call.since)
		n++
	}
	calls := slices.Clone(s.waiting[:n])
	s.waiting = slices.Delete(s.waiting, 0, n)
	return calls
}

// release has calls that wait run their own statements.
func (s *sharer[Q]) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dismiss(s.waiting...)
	s.waiting = nil
}
