package database

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// serializationAttempts bounds how often a statement is run that others were in
	// the way of. With the default isolation nearly none is; where a database's or a
	// role's is stricter, of ten that change one row at once the last succeeds after
	// as many.
	serializationAttempts = 10

	// maxSerializationPause is the longest pause before the next attempt; without
	// one, those who were in each other's way would meet again.
	maxSerializationPause = 20 * time.Millisecond
)

// job is what runs alone on a connection: a statement, or a transaction.
type job struct {
	owner        string // "" for one that only reads.
	bound        time.Duration
	run          func(context.Context, *pgx.Conn) error
	isRepeatable func() bool // Whether a run whose connection was lost may be followed by another.
}

// runAlone implements [runner].
func (db *DB) runAlone(ctx context.Context, s *Statement, waited time.Duration) error {
	j := job{owner: s.Owner, bound: db.bounds.Statement, run: s.runOn, isRepeatable: s.isRepeatable}
	return interpret(ctx, s.Name, db.runAdmitted(ctx, &j, waited))
}

// runAdmitted runs a job, after it has waited for so long, within what is left of
// [Bounds.Alone]. The job runs a second time, on a new connection, when the first turned
// out to be dead, or to lead to a server that no longer takes it, and a repetition does no
// harm: the job is repeatable, has not left this process, or was refused before it ran.
func (db *DB) runAdmitted(ctx context.Context, j *job, waited time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, db.bounds.Alone-waited, errLate)
	defer cancel()
	admitting, cancel := context.WithTimeoutCause(ctx, db.bounds.Acquire-waited, errPoolBusy)
	defer cancel()
	leave, err := db.admission.enter(admitting, j.owner)
	if err != nil {
		return &noConnectionError{err}
	}
	defer leave()
	generation, err := db.runUntilSerialized(ctx, j)
	if db.renew(generation, err) && ctx.Err() == nil && j.worthRepeating(err) {
		db.connectionReruns.Add(1)
		_, err = db.runUntilSerialized(ctx, j)
	}
	return err
}

// refuse implements [runner].
func (db *DB) refuse(ctx context.Context, s *Statement, waiting int) error {
	return interpret(ctx, s.Name, &noConnectionError{db.admission.shed(ctx, waiting)})
}

// worthRepeating reports whether a job that failed may be run again on another
// connection, and could succeed there.
func (j *job) worthRepeating(err error) bool {
	if outdated(err) {
		return true
	}
	_, lost := errors.AsType[*lostConnectionError](err)
	return lost && (j.isRepeatable() || isUnsent(err))
}

// runUntilSerialized runs a job, again while the server has rolled it back for
// what others did at the same time: 40001 when default_transaction_isolation is
// stricter than read committed, 40P01 for deadlocks. Nothing of it was done, so this is
// safe for each statement.
func (db *DB) runUntilSerialized(ctx context.Context, j *job) (generation int, err error) {
	for n := range serializationAttempts {
		if n > 0 {
			db.conflictReruns.Add(1)
		}
		generation, err = db.attempt(ctx, j.bound, j.run)
		if !hasState(err, serializationFailure, deadlockDetected) || n == serializationAttempts-1 {
			break
		}
		pause := time.NewTimer(rand.N(min(maxSerializationPause, time.Millisecond<<n))) //nolint:gosec // nobody gains from guessing it
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return generation, err
		}
	}
	return generation, err
}

// waitIfSpent fails when a context's deadline is so near that a statement would
// only take a connection from others, to be canceled on it. It fails once the
// deadline has passed, so that the caller sees what it would have seen.
func waitIfSpent(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < minStatementTime {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return nil
}

// attempt has run use a connection once, within a bound, and returns the generation
// of the connection or a later one. It fails with a [noConnectionError] or
// [lostConnectionError] when it is the connection's fault, and with errLate when the
// statement took too long.
func (db *DB) attempt(ctx context.Context, bound time.Duration, run func(context.Context, *pgx.Conn) error) (generation int, err error) {
	if err := waitIfSpent(ctx); err != nil {
		return 0, err
	}
	acquiring, cancel := context.WithTimeoutCause(ctx, db.bounds.Acquire, errPoolBusy)
	defer cancel()
	conn, err := db.pool.Acquire(acquireContext{acquiring})
	switch {
	case err != nil && acquiring.Err() != nil:
		return 0, &noConnectionError{context.Cause(acquiring)}
	case err != nil:
		return 0, &noConnectionError{err}
	}
	defer conn.Release()
	generation = db.renewal.current()

	err = within(ctx, bound, conn.Conn(), run)
	switch {
	case err == nil:
		db.admission.answered()
	case ctx.Err() == nil && !errors.Is(err, errLate) && conn.Conn().IsClosed():
		err = &lostConnectionError{err}
	}
	return generation, err
}

// within has run use a connection within a bound. When that or the context has ended by
// then, an error has the cause of it.
func within(ctx context.Context, bound time.Duration, conn *pgx.Conn, run func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bound, errLate)
	defer cancel()
	err := run(ctx, conn)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}
