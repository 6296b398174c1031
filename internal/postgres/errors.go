package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/todo"
)

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

// noConnectionError says that there was no connection to run a statement on.
type noConnectionError struct{ error }

func (e *noConnectionError) Unwrap() error { return e.error }

// lostConnectionError says that a connection broke while a statement ran.
type lostConnectionError struct{ error }

func (e *lostConnectionError) Unwrap() error { return e.error }

// interpret says in the domain's terms what an error of an operation means. It
// goes by types and codes, never by text. An error that it does not know comes
// out as it is, with the operation's name.
func interpret(ctx context.Context, operation string, err error) error {
	_, unreached := errors.AsType[*noConnectionError](err)
	_, lost := errors.AsType[*lostConnectionError](err)
	failed, refused := pgError(err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return todo.ErrNotFound
	case ctx.Err() != nil:
		// The caller's doing, whatever it looked like from here.
		return fmt.Errorf("postgres: %s: %w", operation, ctx.Err())
	case unreached, lost, refused && transient(failed.Code):
		return fmt.Errorf("postgres: %s: %w: %w", operation, todo.ErrUnavailable, err)
	case refused && failed.Code == queryCanceled:
		return fmt.Errorf("postgres: %s: %w: %w", operation, context.DeadlineExceeded, err)
	default:
		return fmt.Errorf("postgres: %s: %w", operation, err)
	}
}

// pgError returns the server's error in err.
func pgError(err error) (*pgconn.PgError, bool) { return errors.AsType[*pgconn.PgError](err) }

// transient reports whether the same statement may succeed later, as far as a
// SQLSTATE tells.
func transient(code string) bool {
	switch code {
	case queryCanceled:
		return false // It had its time.
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
