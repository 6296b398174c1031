package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/todo"
)

// readOnlyInterval is how long new connections that turn out read-only are put
// up with before others are tried.
const readOnlyInterval = time.Second

// effect says whether running a statement twice has another effect than
// running it once. A create has not: it names the id of what it makes. An
// update and a delete have: between the two, somebody else may have changed
// what the second one would then undo or fail to find.
type effect bool

const (
	idempotent effect = false
	mutating   effect = true
)

// work is what a statement is for.
type work struct {
	operation string // As errors name it.
	effect    effect
	writer    todo.UserID   // Whose todos it changes; none for a read, and for several owners.
	shared    bool          // By several calls.
	waited    time.Duration // For a connection, before.
}

// run runs a statement on a connection of the pool, a second time on a new one
// when the first turned out to be dead, or to lead to a server that no longer
// takes it, and a repetition does no harm: the statement is idempotent, has not
// left this process, or was refused before it ran.
func (s *Store) run(ctx context.Context, w work, statement func(context.Context, *pgx.Conn) error) error {
	generation, err := s.attemptUntilSerialized(ctx, w, statement)
	if s.renew(generation, err) && ctx.Err() == nil && worthRepeating(err, w.effect) {
		_, err = s.attemptUntilSerialized(ctx, w, statement)
	}
	return interpret(ctx, w.operation, err)
}

// worthRepeating reports whether a statement that failed may be run again on
// another connection, and could succeed there.
func worthRepeating(err error, e effect) bool {
	if outdated(err) {
		return true
	}
	_, lost := errors.AsType[*lostConnectionError](err)
	return lost && (e == idempotent || pgconn.SafeToRetry(err))
}

// outdated reports whether the server refused a statement before it ran, for
// what the connection it came on has been overtaken by.
func outdated(err error) bool {
	failed, refused := pgError(err)
	return refused && (failed.Code == cachedPlanChanged || failed.Code == readOnly)
}

// renewal tells new connections from old ones.
type renewal struct {
	mu         sync.Mutex
	generation int       // Of the connections that are made now.
	readOnlyAt time.Time // When it rose last because a server was read-only.
}

// renew has the pool make new connections instead of those of a generation and
// before, when a statement's error on one says that it will come on the others
// too: what ended one has probably ended its neighbours, or made their prepared
// statements stale; and where one leads to a server that has become a standby,
// all do. It reports whether a further attempt gets a new connection.
//
// A database that is read-only on new connections too is left alone for a
// while, lest its reads lose their connections to each write in vain.
func (s *Store) renew(generation int, err error) bool {
	_, lost := errors.AsType[*lostConnectionError](err)
	if !lost && !outdated(err) {
		return false
	}
	r := &s.renewal
	r.mu.Lock()
	defer r.mu.Unlock()
	if generation != r.generation {
		return true // Another call was first.
	}
	if failed, ok := pgError(err); ok && failed.Code == readOnly {
		now := time.Now()
		if now.Sub(r.readOnlyAt) < readOnlyInterval {
			return false
		}
		r.readOnlyAt = now
	}
	r.generation++
	s.pool.Reset()
	return true
}

func (r *renewal) current() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.generation
}

// waitIfSpent fails when a context's deadline is so near that a statement would
// only take a connection from others, to be canceled on it. It fails once the
// deadline has passed, so that the caller sees what it would have seen.
func waitIfSpent(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < minStatementTime {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// attempt runs a statement once, within its bounds, and returns the generation
// of its connection or a later one. It fails with a [noConnectionError] or
// [lostConnectionError] when it is the connection's fault, and with
// [context.DeadlineExceeded] when the statement took too long.
func (s *Store) attempt(ctx context.Context, w work, statement func(context.Context, *pgx.Conn) error) (generation int, err error) {
	if err := waitIfSpent(ctx); err != nil {
		return 0, err
	}
	acquiring, cancel := context.WithTimeoutCause(ctx, s.bounds.Acquire-w.waited, errPoolBusy)
	defer cancel()
	if w.writer != (todo.UserID{}) {
		pass, err := s.turns.take(acquiring, w.writer)
		if err != nil {
			return 0, &noConnectionError{err}
		}
		defer pass()
	}
	if err := s.queue.enter(ctx); err != nil {
		return 0, &noConnectionError{err}
	}
	var held time.Duration
	answered := false
	defer func() {
		if w.shared {
			held = 0 // It says nothing of how long a call has its connection.
		}
		s.queue.leave(held, answered)
	}()

	conn, err := s.pool.Acquire(acquireContext{acquiring})
	switch {
	case err != nil && acquiring.Err() != nil:
		return 0, &noConnectionError{context.Cause(acquiring)}
	case err != nil:
		return 0, &noConnectionError{err}
	}
	generation = s.renewal.current()
	acquired := time.Now()
	defer func() {
		conn.Release()
		held = time.Since(acquired)
	}()

	running, cancel := context.WithTimeoutCause(ctx, s.bounds.Statement, errLate)
	defer cancel()
	err = statement(running, conn.Conn())
	switch {
	case err == nil, errors.Is(err, pgx.ErrNoRows):
		answered = true
		return generation, err
	case running.Err() != nil:
		return generation, fmt.Errorf("%w: %w", running.Err(), err)
	case conn.Conn().IsClosed():
		return generation, &lostConnectionError{err}
	}
	return generation, err
}
