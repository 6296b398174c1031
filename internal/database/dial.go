package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// The wait after a failed attempt to connect, doubled by each that follows.
	// One attempt may dial several addresses, some twice (with TLS, without).
	minDialDelay = 100 * time.Millisecond
	maxDialDelay = 500 * time.Millisecond

	// The attempts at once while none has failed. A database that goes away
	// would otherwise be met by one for each connection that was lost.
	maxAttempts = 4

	// A database that comes and goes is not worth a log line each time.
	dialLogInterval = 5 * time.Second
)

// backoff keeps a pool from dialling a database that is down for every request
// that comes in. Until one fails, a few attempts at a time are made and others
// wait for them. After a failure, one attempt at a time tries whether the
// database is back, at growing intervals; meanwhile the others fail at once. A
// success ends that.
//
// The pool asks it before it connects (allow), and pgx tells it the outcome
// (TraceConnectEnd): not only of the dialling, since a server that is starting
// up, or full, is reached and refuses.
type backoff struct {
	logger    *slog.Logger
	onFailure func() // Called when an attempt has failed; may be nil.

	mu       sync.Mutex
	attempts int           // Under way.
	ended    chan struct{} // Closed, and made anew, when an attempt ends.
	failures int           // In a row.
	cause    error         // The last failure.
	failedAt time.Time     // When that was.
	retryAt  time.Time     // No attempt before; after a failure.
	downAt   time.Time     // When the first failure in the row was.
	loggedAt time.Time     // When a failure was logged last.
	logged   bool          // This row of failures was.
	connects int64         // All attempts that were allowed.
	failed   int64         // Those of them that failed.
}

var (
	_ pgx.QueryTracer   = (*backoff)(nil)
	_ pgx.ConnectTracer = (*backoff)(nil)
)

func newBackoff(logger *slog.Logger) *backoff {
	return &backoff{logger: logger, ended: make(chan struct{})}
}

// allow returns when an attempt to connect may begin, and fails when there must
// be none now. Its wait ends when an attempt does, all of which have a bound.
func (b *backoff) allow(ctx context.Context, _ *pgx.ConnConfig) error {
	for {
		wait, err := b.begin()
		if wait == nil {
			return err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// direct is allow for attempts that have to find the primary first.
func (b *backoff) direct(p *primary) func(context.Context, *pgx.ConnConfig) error {
	b.onFailure = p.forget
	return func(ctx context.Context, config *pgx.ConnConfig) error {
		if err := b.allow(ctx, config); err != nil {
			return err
		}
		asked, err := p.direct(ctx, config)
		switch {
		case err != nil && asked:
			b.TraceConnectEnd(ctx, pgx.TraceConnectEndData{Err: err}) // The driver won't.
		case err != nil:
			b.withdraw()
		}
		return err
	}
}

// withdraw ends an attempt that another one's failure has ended.
func (b *backoff) withdraw() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.connects--
	b.leave()
}

// leave notes that an attempt is no longer under way. The caller holds the lock.
func (b *backoff) leave() {
	b.attempts--
	close(b.ended)
	b.ended = make(chan struct{})
}

// begin counts an attempt that may begin. It returns what to wait for when
// there are too many.
func (b *backoff) begin() (wait <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failures == 0 && b.attempts == maxAttempts:
		return b.ended, nil
	case b.failures > 0 && (b.attempts > 0 || time.Now().Before(b.retryAt)):
		// Not wrapped: the cause may be a deadline, of the attempt that failed.
		return nil, fmt.Errorf("waiting to connect again after %d failures, the last of them: %s", b.failures, b.cause.Error())
	}
	b.attempts++
	b.connects++
	return nil, nil //nolint:nilnil // Nothing to wait for: it may begin.
}

// attemptKey marks the context of an attempt to connect.
type attemptKey struct{}

// TraceConnectStart implements [pgx.ConnectTracer].
func (b *backoff) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return context.WithValue(ctx, attemptKey{}, true)
}

// dialWith lets attempts dial. All others are cancel requests: the canceler's, and
// the driver's for each connection that breaks, attempts to connect among them.
// They get cancelTimeout, since a connection keeps its place in the pool for that
// long, and none while the database is down.
func (b *backoff) dialWith(dial pgconn.DialFunc, cancelTimeout time.Duration) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if ctx.Value(attemptKey{}) != nil {
			return dial(ctx, network, address)
		}
		if b.isDown() {
			return nil, errDown
		}
		deadline := time.Now().Add(cancelTimeout)
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		_ = conn.SetDeadline(deadline) // A new connection takes one.
		return conn, nil
	}
}

// errDown says that a dial other than an attempt's was left out.
var errDown = errors.New("the database is down")

// isDown reports whether the last attempts have failed, other than for a server that
// is full: that one has the connections that there are, and takes cancel requests.
func (b *backoff) isDown() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures > 0 && !hasState(b.cause, tooManyConnections)
}

// TraceConnectEnd implements [pgx.ConnectTracer]: it counts the outcome of an
// attempt that was allowed.
func (b *backoff) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	if data.Err != nil && b.onFailure != nil {
		b.onFailure()
	}
	switch wentAway, cameBack, downFor := b.end(data.Err); {
	case wentAway:
		b.logger.WarnContext(ctx, "database is not reachable; connecting again until it is", "error", data.Err)
	case cameBack:
		b.logger.InfoContext(ctx, "database is reachable again", "after_ms", downFor.Milliseconds())
	}
}

// end counts the outcome of an attempt, and says whether it is worth a log line.
// That is written without the lock: the log may block.
func (b *backoff) end(err error) (wentAway, cameBack bool, downFor time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.leave()
	if err == nil {
		cameBack = b.logged
		b.failures, b.cause, b.logged = 0, nil, false
		return false, cameBack, now.Sub(b.downAt)
	}
	if b.failures == 0 {
		b.downAt = now
	}
	b.cause, b.failedAt = err, now
	b.retryAt = now.Add(min(minDialDelay<<min(b.failures, 8), maxDialDelay))
	b.failures++
	b.failed++
	if !b.logged && (b.loggedAt.IsZero() || now.Sub(b.loggedAt) >= dialLogInterval) {
		b.logged, b.loggedAt = true, now
		return true, false, 0
	}
	return false, false, 0
}

// TraceQueryStart implements [pgx.QueryTracer], without which there is no
// tracing of connects.
func (b *backoff) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (b *backoff) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
