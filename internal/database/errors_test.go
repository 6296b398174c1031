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

	"example.com/todo-backend/internal/todo"
)

func TestErrorsMeanOneThingInTheDomain(t *testing.T) {
	t.Parallel()
	live := t.Context()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	code := func(code string) error { return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code}) }
	meanings := []error{todo.ErrUnavailable, todo.ErrNotFound, context.DeadlineExceeded, context.Canceled}
	tests := []struct {
		name string
		ctx  context.Context
		err  error
		want error // nil for a defect.
	}{
		{"no row", live, pgx.ErrNoRows, todo.ErrNotFound},
		{"no row, the caller gone", gone, pgx.ErrNoRows, todo.ErrNotFound},
		{"no connection", live, &noConnectionError{errPoolBusy}, todo.ErrUnavailable},
		{"no connection, the caller gone", gone, &noConnectionError{io.EOF}, context.Canceled},
		{"a lost connection", live, &lostConnectionError{io.ErrUnexpectedEOF}, todo.ErrUnavailable},
		{"a lost connection, the caller gone", gone, &lostConnectionError{io.ErrUnexpectedEOF}, context.Canceled},
		{"connection exception", live, code("08006"), todo.ErrUnavailable},
		{"serialization failure", live, code("40001"), todo.ErrUnavailable},
		{"too many connections", live, code("53300"), todo.ErrUnavailable},
		{"disk full", live, code("53100"), todo.ErrUnavailable},
		{"admin shutdown", live, code("57P01"), todo.ErrUnavailable},
		{"crash shutdown", live, code("57P02"), todo.ErrUnavailable},
		{"cannot connect now", live, code("57P03"), todo.ErrUnavailable},
		{"read-only transaction", live, code("25006"), todo.ErrUnavailable},
		{"lock not available", live, code("55P03"), todo.ErrUnavailable},
		{"insufficient privilege", live, code("42501"), todo.ErrUnavailable},
		{"undefined table", live, code("42P01"), todo.ErrUnavailable},
		{"query canceled", live, code("57014"), context.DeadlineExceeded},
		{"query canceled, the caller gone", gone, code("57014"), context.Canceled},
		{"the statement's bound", live, fmt.Errorf("%w: %w", context.DeadlineExceeded, io.EOF), context.DeadlineExceeded},
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

func TestOnlyWhatDoesNoHarmIsRepeated(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want []effect
	}{
		{"no error", nil, nil},
		{"a lost connection", &lostConnectionError{retryable(false)}, []effect{idempotent}},
		{"a lost connection, nothing sent", &lostConnectionError{retryable(true)}, []effect{idempotent, mutating}},
		{"a prepared statement that was overtaken", &pgconn.PgError{Code: cachedPlanChanged}, []effect{idempotent, mutating}},
		{"a server that has become a standby", &pgconn.PgError{Code: readOnly}, []effect{idempotent, mutating}},
		{"no connection", &noConnectionError{retryable(true)}, nil},
		{"no row", pgx.ErrNoRows, nil},
		{"an answer of the server", &pgconn.PgError{Code: "23514"}, nil},
	}
	for _, test := range tests {
		for _, e := range []effect{idempotent, mutating} {
			if got, want := worthRepeating(test.err, e), slices.Contains(test.want, e); got != want {
				t.Errorf("%s: worthRepeating(mutating: %t) = %t, want %t", test.name, e, got, want)
			}
		}
	}
}
