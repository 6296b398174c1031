package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// The wait after a failed attempt to connect, doubled by each that follows.
	// One attempt may dial several addresses, some twice (with TLS, without).
	minDialDelay = 100 * time.Millisecond
	maxDialDelay = 500 * time.Millisecond

	// A database that comes and goes is not worth a log line each time.
	dialLogInterval = 5 * time.Second
)

// backoff keeps a pool from dialling a database that is down for every request
// that comes in. After a failure, one attempt at a time tries whether it is
// back, at growing intervals; meanwhile the others fail at once. A success
// ends that.
//
// The pool asks it before it connects (allow), and pgx tells it the outcome
// (TraceConnectEnd): not only of the dialling, since a server that is starting
// up, or full, is reached and refuses.
type backoff struct {
	logger *slog.Logger

	mu       sync.Mutex
	failures int       // In a row.
	cause    error     // The last failure.
	retryAt  time.Time // No attempt before; after a failure.
	trying   bool      // An attempt is under way; after a failure.
	downAt   time.Time // When the first failure in the row was.
	loggedAt time.Time // When a failure was logged last.
	logged   bool      // This row of failures was.
}

var (
	_ pgx.QueryTracer   = (*backoff)(nil)
	_ pgx.ConnectTracer = (*backoff)(nil)
)

func newBackoff(logger *slog.Logger) *backoff { return &backoff{logger: logger} }

// allow fails when there must be no attempt to connect now.
func (b *backoff) allow(context.Context, *pgx.ConnConfig) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures == 0 {
		return nil
	}
	if b.trying || time.Now().Before(b.retryAt) {
		// Not wrapped: the cause may be a deadline, of the attempt that failed.
		return fmt.Errorf("waiting to connect again after %d failures, the last of them: %s", b.failures, b.cause.Error())
	}
	b.trying = true
	return nil
}

// TraceConnectStart implements [pgx.ConnectTracer].
func (b *backoff) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

// TraceConnectEnd implements [pgx.ConnectTracer]: it counts the outcome of an
// attempt that was allowed.
func (b *backoff) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.trying = false
	if data.Err == nil {
		if b.logged {
			b.logger.InfoContext(ctx, "database is reachable again", "after_ms", now.Sub(b.downAt).Milliseconds())
		}
		b.failures, b.cause, b.logged = 0, nil, false
		return
	}
	if b.failures == 0 {
		b.downAt = now
	}
	b.cause = data.Err
	b.retryAt = now.Add(min(minDialDelay<<min(b.failures, 8), maxDialDelay))
	b.failures++
	if !b.logged && (b.loggedAt.IsZero() || now.Sub(b.loggedAt) >= dialLogInterval) {
		b.logged, b.loggedAt = true, now
		b.logger.WarnContext(ctx, "database is not reachable; connecting again until it is", "error", data.Err)
	}
}

// TraceQueryStart implements [pgx.QueryTracer], without which there is no
// tracing of connects.
func (b *backoff) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (b *backoff) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
