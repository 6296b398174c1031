package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// effect says whether running a statement twice has another effect than
// running it once. A create has not: it names the id of what it makes. An
// update and a delete have: between the two, somebody else may have changed
// what the second one would then undo or fail to find.
type effect bool

const (
	idempotent effect = false
	mutating   effect = true
)

// run runs a statement on a connection of the pool, a second time on another
// one when the first connection turned out to be dead and a repetition does
// no harm: it is idempotent, or it has not left this process.
func (s *Store) run(ctx context.Context, e effect, operation string, statement func(context.Context, *pgx.Conn) error) error {
	err := s.attempt(ctx, statement)
	if ctx.Err() == nil && worthRepeating(err, e) {
		// What ended one connection has probably ended its neighbours, or made
		// their prepared statements stale.
		s.pool.Reset()
		err = s.attempt(ctx, statement)
	}
	return interpret(ctx, operation, err)
}

// worthRepeating reports whether a statement that failed may be run again on
// another connection, and could succeed there.
func worthRepeating(err error, e effect) bool {
	if failed, ok := pgError(err); ok && failed.Code == cachedPlanChanged {
		return true // Refused before it ran.
	}
	_, lost := errors.AsType[*lostConnectionError](err)
	return lost && (e == idempotent || pgconn.SafeToRetry(err))
}

// attempt runs a statement once, within its bounds. It fails with a
// [noConnectionError] or [lostConnectionError] when it is the connection's
// fault, and with [context.DeadlineExceeded] when the statement took too long.
func (s *Store) attempt(ctx context.Context, statement func(context.Context, *pgx.Conn) error) error {
	if err := s.queue.enter(ctx); err != nil {
		return &noConnectionError{err}
	}
	var held time.Duration
	answered := false
	defer func() { s.queue.leave(held, answered) }()

	acquiring, cancel := context.WithTimeoutCause(ctx, acquireTimeout, errPoolBusy)
	defer cancel()
	conn, err := s.pool.Acquire(acquiring)
	switch {
	case err != nil && acquiring.Err() != nil:
		return &noConnectionError{context.Cause(acquiring)}
	case err != nil:
		return &noConnectionError{err}
	}
	acquired := time.Now()
	defer func() {
		conn.Release()
		held = time.Since(acquired)
	}()

	running, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	err = statement(running, conn.Conn())
	switch {
	case err == nil, errors.Is(err, pgx.ErrNoRows):
		answered = true
		return err
	case running.Err() != nil:
		return fmt.Errorf("%w: %w", running.Err(), err)
	case conn.Conn().IsClosed():
		return &lostConnectionError{err}
	}
	return err
}
