package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// sharingPace is how long calls wait for a statement to end before another
	// one starts beside it.
	sharingPace = 5 * time.Millisecond

	// sharingRest is how long nothing is shared when a statement took longer than
	// sharingPatience.
	sharingRest = time.Second

	// listCrowd is the crowd of lists. For gets, which take the database little, and
	// for creates, which share a commit, a statement of all is better than two.
	listCrowd = 40
)

// sharerStatement is a statement that counts as running.
type sharerStatement[Q sharedQuery] struct {
	age   age
	timer *time.Timer // Until it is older.

	// Of a statement that is shared.
	isConnecting bool // Until it has its connection; it can't be late.
	calls        []*sharedCall[Q]
	cancel       func() // None until it has calls.
}

// age is how far a statement has come.
type age int

const (
	young age = iota // Until it has taken sharingPace.
	old              // Until it has taken sharingPatience, with its connection if it is shared.
	over             // It has ended, or is late.
)

// mayStart reports whether a statement may start.
func (s *sharer[Q]) mayStart() bool { return s.young == 0 && s.running < s.atOnce }

// isCrowd reports whether so many wait that a statement may start beside a young one.
func (s *sharer[Q]) isCrowd() bool {
	return s.crowdSize > 0 && len(s.waiting) >= s.crowdSize && s.young == 1 && s.connecting == 0 && s.running < s.atOnce
}

// start counts a statement as running, and has it grow older.
func (s *sharer[Q]) start() *sharerStatement[Q] {
	s.running++
	s.young++
	statement := new(sharerStatement[Q])
	statement.timer = time.AfterFunc(sharingPace, func() { s.grow(statement) })
	return statement
}

// startNext starts a statement for the calls that wait, if it may.
func (s *sharer[Q]) startNext() {
	if len(s.waiting) > 0 && s.mayStart() || s.isCrowd() {
		statement := s.start()
		statement.isConnecting = true
		s.connecting++
		go s.share(statement)
	}
}

// grow makes a statement older. When it is late, for whatever reason, it counts no
// longer. If it is shared, it is given up, and those who wait go their own way.
func (s *sharer[Q]) grow(statement *sharerStatement[Q]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch statement.age {
	case young:
		statement.age = old
		s.young--
		if !statement.isConnecting {
			statement.timer.Reset(s.bounds.Sharing - sharingPace)
		}
	case old:
		s.finish(statement)
		if statement.cancel != nil {
			statement.cancel()
			s.restsTo = time.Now().Add(sharingRest)
			s.release()
		}
	case over: // It ended just now.
		return
	}
	s.startNext()
}

// ended is called when a statement has.
func (s *sharer[Q]) ended(statement *sharerStatement[Q]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if statement.age != over {
		s.finish(statement)
		s.startNext()
	}
}

// finish has a statement count no longer.
func (s *sharer[Q]) finish(statement *sharerStatement[Q]) {
	statement.timer.Stop()
	if statement.age == young {
		s.young--
	}
	s.running--
	statement.age = over
	s.made(statement.calls)
}

// share runs a statement for the calls that wait when it has a connection. When it
// gets none, and no other one may, they see for themselves.
func (s *sharer[Q]) share(statement *sharerStatement[Q]) {
	// No caller's context: each may leave. The store bounds the statement.
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	err := s.try(ctx, func() []*sharedCall[Q] {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.connecting--
		statement.isConnecting = false
		if statement.age == old {
			statement.timer.Reset(s.bounds.Sharing)
		}
		statement.calls, statement.cancel = s.take(), func() { cancel(errLate) }
		return statement.calls
	})
	if statement.isConnecting {
		s.giveUp()
	}
	for _, call := range statement.calls {
		// One that was to make a todo and has none learns why from its own statement.
		call.served = err == nil && (len(call.todos) > 0 || call.query.makes() == nil)
		close(call.done)
	}
	s.ended(statement)
}

// giveUp is called when a statement has got no connection.
func (s *sharer[Q]) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connecting--
	if s.connecting == 0 {
		s.release()
	}
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
