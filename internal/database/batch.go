package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// outcome is what became of a batch.
type outcome int

const (
	committed  outcome = iota // All of it took effect.
	rolledBack                // None of it did.
	unknown                   // Nobody can tell: the answer was lost.
)

// outcomeOf says what an error means for a batch that failed with it.
func outcomeOf(err error) outcome {
	_, unreached := errors.AsType[*noConnectionError](err)
	failed, refused := pgError(err)
	switch {
	case err == nil:
		return committed
	case unreached, isUnsent(err):
		return rolledBack // Nothing was run.
	case refused && failed.SeverityUnlocalized == "ERROR":
		return rolledBack // Not FATAL, which may come while a commit waits for its standby.
	}
	return unknown
}

// send runs a batch and settles its calls.
func (l *lane) send(t *slot) {
	failed, err := l.try(t)
	outcome := outcomeOf(err)
	if l.observer != nil {
		batch := t.calls[0].batch
		l.observer.BatchEnded(BatchReport{
			Lane: batch.Lane, Size: batch.Size, Took: time.Since(batch.Sent), Outcome: outcome.report(),
		})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if outcome == rolledBack && failed >= 0 && t.calls[failed].writes() {
		l.cool(t.calls[failed].Owner, now)
	}
	var again []*call
	for _, c := range t.calls {
		switch {
		case outcome == unknown && !c.isRepeatable():
			c.err = fmt.Errorf("%w: %w", errUnknownOutcome, err)
		case outcome == rolledBack && failed >= 0 && c.done != nil && c.writes() && !c.repeated && !c.left && !l.cooldowns.include(c.Owner, now):
			c.repeated = true
			l.reruns.RolledBack++
			again = append(again, c)
			continue
		case outcome != committed:
			c.runAlone = true
			if !c.left {
				l.reruns.Batch++
			}
		}
		if c.done != nil {
			close(c.done)
		}
	}
	l.wait(again...)
	l.free(t)
}

// try is the runner's runBatch, of which a panic, as of a call's Read, is a failure
// like others: here it would end the process. A call that may run again panics again
// where it runs alone.
func (l *lane) try(t *slot) (failed int, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			failed, err = -1, fmt.Errorf("panic: %v", cause)
		}
	}()
	return l.runner.runBatch(t.ctx, t.calls)
}

// runBatch implements [runner].
func (db *DB) runBatch(ctx context.Context, calls []*call) (failed int, err error) {
	failed = -1
	generation, err := db.attempt(ctx, db.bounds.Statement, func(ctx context.Context, conn *pgx.Conn) (err error) {
		failed, err = sendBatch(ctx, conn, calls, db.bounds.BatchLock)
		return err
	})
	db.renew(generation, err) // The calls that run alone get new connections.
	return failed, err
}

// sendBatch sends the statements of calls in one pipeline, which is one transaction
// too, and reads their results. Nothing of it counts until the server has said that
// it is ready again: results come before the commit. It returns the index of the
// call that the server refused, or -1.
func sendBatch(ctx context.Context, conn *pgx.Conn, calls []*call, lockTimeout time.Duration) (failed int, err error) {
	for _, c := range calls {
		c.err = nil // Of a batch before.
	}
	if len(calls) == 1 { // It may wait for a lock until the batch is late.
		err := calls[0].runOn(ctx, conn)
		if isOwn(ctx, conn, err) {
			calls[0].err = err
			return -1, nil
		}
		return failedAt(0, err)
	}
	pipeline, writes := new(pgx.Batch), calls[0].writes()
	if writes {
		// Not SET LOCAL: a pipeline has no BEGIN of its own.
		pipeline.Queue("SELECT set_config('lock_timeout', $1, true)", fmt.Sprint(lockTimeout.Milliseconds()))
	}
	for _, c := range calls {
		pipeline.Queue(c.SQL, c.Args...)
	}
	results := conn.SendBatch(ctx, pipeline)
	defer func() {
		ended, isLocal := results.Close(), writes && isLocalCommit(conn)
		switch {
		case err != nil:
		case ended != nil:
			err = ended
		case isLocal:
			err = errLocalCommit
		}
	}()
	if writes {
		if _, err := results.Exec(); isOwn(ctx, conn, err) {
			return -1, &unsentError{err} // The driver could not write all statements.
		} else if err != nil {
			return -1, err
		}
	}
	for i, c := range calls {
		rows, err := results.Query()
		if err != nil {
			return failedAt(i, err)
		}
		if err := c.read(rows); isOwn(ctx, conn, err) {
			c.err = err
		} else if err != nil {
			return failedAt(i, err)
		}
	}
	return -1, nil
}

// failedAt returns an error that came in place of a call's result, with the call's index
// if it is the server's.
func failedAt(i int, err error) (failed int, _ error) {
	if _, refused := pgError(err); refused {
		return i, err
	}
	return -1, err
}

// isOwn reports whether an error is of a call's Read, about rows that have come.
func isOwn(ctx context.Context, conn *pgx.Conn, err error) bool {
	_, refused := pgError(err)
	return err != nil && !refused && !errors.Is(err, errLocalCommit) && ctx.Err() == nil && !conn.IsClosed()
}
