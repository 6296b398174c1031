package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestErrorsMeanOneThingToCallers(t *testing.T) {
	t.Parallel()
	live := t.Context()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeoutCause(t.Context(), 0, errLate)
	defer cancel()
	code := func(code string) error { return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code}) }
	meanings := []error{ErrUnavailable, context.DeadlineExceeded, context.Canceled}
	tests := []struct {
		name string
		ctx  context.Context //nolint:containedctx // A row is what one call is given.
		err  error
		want error // nil for a defect.
	}{
		{"no row", live, pgx.ErrNoRows, nil},
		{"a commit that a standby may lack", live, errLocalCommit, ErrUnavailable},
		{"no connection", live, &noConnectionError{errPoolBusy}, ErrUnavailable},
		{"no connection, the caller gone", gone, &noConnectionError{io.EOF}, context.Canceled},
		{"a lost connection", live, &lostConnectionError{io.ErrUnexpectedEOF}, ErrUnavailable},
		{"a lost connection, the caller gone", gone, &lostConnectionError{io.ErrUnexpectedEOF}, context.Canceled},
		{"connection exception", live, code("08006"), ErrUnavailable},
		{"serialization failure", live, code("40001"), ErrUnavailable},
		{"too many connections", live, code("53300"), ErrUnavailable},
		{"disk full", live, code("53100"), ErrUnavailable},
		{"admin shutdown", live, code("57P01"), ErrUnavailable},
		{"crash shutdown", live, code("57P02"), ErrUnavailable},
		{"cannot connect now", live, code("57P03"), ErrUnavailable},
		{"read-only transaction", live, code("25006"), ErrUnavailable},
		{"lock not available", live, code("55P03"), ErrUnavailable},
		{"insufficient privilege", live, code("42501"), ErrUnavailable},
		{"undefined table", live, code("42P01"), ErrUnavailable},
		{"query canceled", live, code("57014"), context.DeadlineExceeded},
		{"query canceled, the caller gone", gone, code("57014"), context.Canceled},
		{"the statement's bound", live, fmt.Errorf("%w: %w: %w", errLate, context.DeadlineExceeded, code("57014")), ErrUnavailable},
		{"the statement's bound, the caller gone", gone, fmt.Errorf("%w: %w", errLate, io.EOF), context.Canceled},
		{"its transaction's bound", late, fmt.Errorf("%w: %w", errLate, context.DeadlineExceeded), ErrUnavailable},
		{"check violation", live, code("23514"), nil},
		{"text too long", live, code("22001"), nil},
		{"undefined column", live, code("42703"), nil},
		{"no code", live, code(""), nil},
		{"something else", live, io.EOF, nil},
	}
	for _, test := range tests {
		got := interpret(test.ctx, "try", test.err)
		for _, meaning := range meanings {
			if is := errors.Is(got, meaning); is != errors.Is(test.want, meaning) {
				t.Errorf("%s: errors.Is(%v, %v) = %t", test.name, got, meaning, is)
			}
		}
		if test.want == nil && !errors.Is(got, test.err) {
			t.Errorf("%s: the cause is lost: %v", test.name, got)
		}
	}
	if err := interpret(live, "try", nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}

// retryable is an error that may be safe to retry.
type retryable bool

func (r retryable) Error() string     { return "an error" }
func (r retryable) SafeToRetry() bool { return bool(r) }

// closedConnError is what the driver says of a connection that is closed.
type closedConnError struct{ retryable }

func (closedConnError) SafeToRetry() bool { return true }
func (closedConnError) Unwrap() error     { return pgconn.ErrConnClosed }

func TestOnlyWhatDoesNoHarmIsRepeated(t *testing.T) {
	t.Parallel()
	read, put, add := &Statement{}, &Statement{Owner: "u", Idempotent: true}, &Statement{Owner: "u"}
	for _, test := range []struct {
		name string
		err  error
		want []*Statement
	}{
		{"no error", nil, nil},
		{"a lost connection", &lostConnectionError{retryable(false)}, []*Statement{read, put}},
		{"a lost connection, nothing sent", &lostConnectionError{retryable(true)}, []*Statement{read, put, add}},
		{"a lost connection, closed", &lostConnectionError{closedConnError{}}, []*Statement{read, put}},
		{"a prepared statement that was overtaken", &pgconn.PgError{Code: cachedPlanChanged}, []*Statement{read, put, add}},
		{"a server that has become a standby", &pgconn.PgError{Code: readOnly}, []*Statement{read, put, add}},
		{"no connection", &noConnectionError{retryable(true)}, nil},
		{"a commit that a standby may lack", errLocalCommit, nil},
		{"no row", pgx.ErrNoRows, nil},
		{"an answer of the server", &pgconn.PgError{Code: "23514"}, nil},
	} {
		for name, s := range map[string]*Statement{"a read": read, "an idempotent write": put, "another write": add} {
			if got, want := (&job{isRepeatable: s.isRepeatable}).worthRepeating(test.err), slices.Contains(test.want, s); got != want {
				t.Errorf("%s: worthRepeating for %s = %t, want %t", test.name, name, got, want)
			}
		}
	}
}

func TestAnOutcomeIsKnownOrNot(t *testing.T) {
	t.Parallel()
	server := func(severity, code string) error {
		return fmt.Errorf("wrapped: %w", &pgconn.PgError{SeverityUnlocalized: severity, Code: code})
	}
	for _, test := range []struct {
		name string
		err  error
		want outcome
	}{
		{"no error", nil, committed},
		{"no connection", &noConnectionError{errPoolBusy}, rolledBack},
		{"a lost connection, nothing sent", &lostConnectionError{retryable(true)}, rolledBack},
		{"a batch that the driver could not write", &unsentError{io.EOF}, rolledBack},
		{"a connection that is closed", &lostConnectionError{closedConnError{}}, unknown},
		{"an error of a statement", server("ERROR", "23514"), rolledBack},
		{"a cancel request", server("ERROR", queryCanceled), rolledBack},
		{"a backend that was killed", &lostConnectionError{server("FATAL", "57P01")}, unknown},
		{"a lost connection", &lostConnectionError{retryable(false)}, unknown},
		{"the end of its time", fmt.Errorf("%w: %w", errLate, context.DeadlineExceeded), unknown},
		{"the end of its time, nothing sent", fmt.Errorf("%w: %w", errLate, &unsentError{context.DeadlineExceeded}), rolledBack},
		{"a commit that a standby may lack", errLocalCommit, unknown},
	} {
		if got := outcomeOf(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
