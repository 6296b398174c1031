package database

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrUnavailable says that the database can't serve at the moment and that the same
// statement may succeed later. It comes with its cause, for the log.
var ErrUnavailable = errors.New("database unavailable")

// SQLSTATE codes that have a meaning of their own here (PostgreSQL's manual,
// appendix A).
const (
	cachedPlanChanged     = "0A000" // A prepared statement's columns have changed.
	queryCanceled         = "57014"
	readOnly              = "25006"
	undefinedTable        = "42P01"
	insufficientPrivilege = "42501"
	lockNotAvailable      = "55P03"
	tooManyConnections    = "53300"
	serializationFailure  = "40001"
	deadlockDetected      = "40P01"
)

// errPoolBusy says that no connection came free, or came up, in time.
var errPoolBusy = fmt.Errorf("no connection within %v", acquireTimeout)

// errLocalCommit says that a commit is not known to be on a synchronous standby.
var errLocalCommit = errors.New("committed, but the wait for the standby was canceled")

// errUnknownOutcome says that nobody knows what became of a write.
var errUnknownOutcome = errors.New("it may have taken effect")

// noConnectionError says that there was no connection to run a statement on.
type noConnectionError struct{ error }

func (e *noConnectionError) Unwrap() error { return e.error }

// lostConnectionError says that a connection broke while a statement ran.
type lostConnectionError struct{ error }

func (e *lostConnectionError) Unwrap() error { return e.error }

// unsentError says that a batch was not sent.
type unsentError struct{ error }

func (e *unsentError) Unwrap() error { return e.error }

// isUnsent reports whether a statement, or a batch, failed before it was run. The
// driver's word that a connection is closed is no proof: it also says so when the
// connection broke while it read the results (pgx 5.12, MultiResultReader.NextResult).
func isUnsent(err error) bool {
	_, unsent := errors.AsType[*unsentError](err)
	_, unprepared := errors.AsType[pgx.ErrPreprocessingBatch](err)
	return unsent || unprepared || pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed)
}

// interpret says what an error of a statement means for its caller. It goes by types
// and codes, never by text. An error that it does not know comes out as it is, with
// the statement's name.
func interpret(ctx context.Context, name string, err error) error {
	_, unreached := errors.AsType[*noConnectionError](err)
	_, lost := errors.AsType[*lostConnectionError](err)
	failed, refused := pgError(err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), errLate):
		// The caller's doing, whatever it looked like from here. The context of a
		// transaction's statements ends with the transaction's time, too.
		return fmt.Errorf("%s: %w", name, ctx.Err())
	case unreached, lost, refused && transient(failed.Code), errors.Is(err, errLocalCommit), errors.Is(err, errUnknownOutcome):
		return fmt.Errorf("%s: %w: %w", name, ErrUnavailable, err)
	case errors.Is(err, errLate):
		// Not the caller's deadline, which hides in it. No statement takes that long
		// but by waiting: for a lock, a standby, a busy server or a silent one.
		return fmt.Errorf("%s: %w: %s", name, ErrUnavailable, err.Error())
	case hasState(err, queryCanceled):
		return fmt.Errorf("%s: %w: %w", name, context.DeadlineExceeded, err)
	default:
		return fmt.Errorf("%s: %w", name, err)
	}
}

// pgError returns the server's error in err.
func pgError(err error) (*pgconn.PgError, bool) { return errors.AsType[*pgconn.PgError](err) }

// hasState reports whether the server failed with one of these SQLSTATEs.
func hasState(err error, states ...string) bool {
	failed, ok := pgError(err)
	return ok && slices.Contains(states, failed.Code)
}

// IsLockTimeout reports whether a statement failed since it would have waited for a lock
// longer than its lock_timeout.
func IsLockTimeout(err error) bool { return hasState(err, lockNotAvailable) }

// transient reports whether the same statement may succeed later, as far as a
// SQLSTATE tells.
func transient(code string) bool {
	switch code {
	case queryCanceled:
		return false // The server's own doing: a timeout, or an administrator.
	case readOnly, lockNotAvailable:
		return true
	case undefinedTable, insufficientPrivilege:
		return true // The service may be up before its schema and its grants.
	}
	switch code[:min(2, len(code))] {
	case "08": // Connection exceptions.
		return true
	case "40": // Rollbacks, such as a standby's when a read is in replay's way.
		return true
	case "53": // Insufficient resources.
		return true
	case "57": // Operator intervention: shutdowns, crashes, starting up.
		return true
	}
	return false
}
