package postgres

import (
	"context"
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
)

// sharer lets calls that come in together share a statement, which costs the
// database and this process far less than one statement for each. A call that
// comes alone runs a statement of its own; those that come while it runs wait,
// and share the next one. That starts when the one before has ended or has taken
// sharingPace, as all do where the way to the database is long, or where there is no
// connection for it, while fewer than atOnce run. It takes all who wait when it has
// a connection. A crowd does not wait for the one before, so that this process works
// for one half of the callers while the database does for the other.
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
	// atOnce is how many statements count as running at most; at 0 none does, and
	// nothing is shared.
	atOnce int

	operation string // As errors name it.
	bounds    bounds

	// ask gets a connection, fills in the todos of the calls that begin returns
	// by one statement, and fails if any of it does. There may be no calls.
	ask func(ctx context.Context, begin func() []*sharedCall[Q]) error

	// refuse returns the error of a call that would be one more than
	// maxWaiting.
	refuse func(ctx context.Context, waiting int) error

	// isHeldUp, if set, reports whether a call's own statement would have to wait
	// for others of its owner's. While that counted as running, it would hold up
	// everybody; so the call shares although it is alone.
	isHeldUp func(Q) bool

	// crowdSize is how many calls that wait for one statement start another; at 0 none do.
	crowdSize int

	mu         sync.Mutex
	running    int              // Statements, but those that are late.
	young      int              // Those of them that others wait for, two at most.
	connecting int              // Those of them that are to be shared and have no connection yet.
	waiting    []*sharedCall[Q] // None while a statement may start.
	making     map[todo.ID]bool // By the calls that wait or share a statement.
	restsTo    time.Time        // When sharing begins again.
}

func newSharer[Q sharedQuery](
	atOnce int, operation string, bounds bounds,
	ask func(context.Context, func() []*sharedCall[Q]) error, refuse func(context.Context, int) error,
) *sharer[Q] {
	return &sharer[Q]{atOnce: atOnce, operation: operation, bounds: bounds, ask: ask, refuse: refuse, making: make(map[todo.ID]bool)}
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
	if err := waitIfSpent(ctx); err != nil {
		return nil, interpret(ctx, s.operation, err)
	}
	call, own, refused := s.enter(query)
	switch {
	case refused:
		err := s.refuse(ctx, maxWaiting) // It may log, which may block.
		return nil, interpret(ctx, s.operation, &noConnectionError{err})
	case own != nil:
		defer s.ended(own)
		return alone(0)
	case call == nil:
		return alone(0)
	}
	defer time.AfterFunc(s.bounds.Acquire, func() { s.withdraw(call) }).Stop()
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

// enter says how a query is to be answered: by a statement that is shared, when it
// returns a call to wait for, or else by one of its own, which counts as running
// when it is returned. It is refused when too many wait.
func (s *sharer[Q]) enter(query Q) (call *sharedCall[Q], own *sharerStatement[Q], refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, id := time.Now(), query.makes()
	switch {
	case id != nil && s.making[*id]:
		// Two that make the same todo would wait for each other, and all who share
		// with them.
		return nil, nil, false
	case s.mayStart() && (s.isHeldUp == nil || !s.isHeldUp(query)):
		return nil, s.start(), false
	case s.atOnce == 0, query.weight() > maxCallRows, now.Before(s.restsTo):
		return nil, nil, false
	case len(s.waiting) == maxWaiting:
		return nil, nil, true
	}
	call = &sharedCall[Q]{query: query, since: now, done: make(chan struct{})}
	s.waiting = append(s.waiting, call)
	if id != nil {
		s.making[*id] = true
	}
	s.startNext()
	return call, nil, false
}

// withdraw takes a call out of those that wait, if it still does.
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

// made lets others share to make what calls were to make.
func (s *sharer[Q]) made(calls []*sharedCall[Q]) {
	for _, call := range calls {
		if id := call.query.makes(); id != nil {
			delete(s.making, *id)
		}
	}
}

// release has calls that wait run their own statements.
func (s *sharer[Q]) release() {
	s.dismiss(s.waiting...)
	s.waiting = nil
}
