package database

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// errLate is the cause of a context that ended because its statement took too
// long. That statement is canceled without cancelDelay.
var errLate = errors.New("the statement took too long")

// canceler ends the statement on a connection whose context has ended, and
// keeps the connection. The driver's default closes it, which costs the server
// and all other callers a new one.
//
// A cancel request names a connection, not a statement. One that is still under
// way when its statement ends would cancel the next, so the connection is not
// used again before the server has confirmed the request: it closes the
// request's connection once it has passed on the signal. The driver's own
// [pgconn.CancelRequestContextWatcherHandler] abandons such a request and sleeps
// instead.
type canceler struct {
	conn   *pgconn.PgConn
	bounds Bounds

	// Set when the context of the connection's statement has ended.
	deadline  time.Time
	request   *time.Timer   // Sends the cancel request; nil for a ping.
	ended     chan struct{} // Closed when the request has been sent, or failed.
	confirmed bool          // By the server. Good when ended is closed.
}

var _ ctxwatch.Handler = (*canceler)(nil)

// buildCanceler returns a [pgconn.Config.BuildContextWatcherHandler].
func buildCanceler(bounds Bounds) func(*pgconn.PgConn) ctxwatch.Handler {
	return func(conn *pgconn.PgConn) ctxwatch.Handler { return &canceler{conn: conn, bounds: bounds} }
}

// HandleCancel implements [ctxwatch.Handler]. It is called once the context of a
// statement that runs has ended.
func (c *canceler) HandleCancel(ctx context.Context) {
	now := time.Now()
	if isPing(ctx) {
		c.request, c.deadline = nil, now
	} else {
		delay := c.bounds.CancelDelay
		if errors.Is(context.Cause(ctx), errLate) {
			delay = 0
		}
		c.deadline = now.Add(c.bounds.Cancel)
		c.ended, c.confirmed = make(chan struct{}), false
		c.request = time.AfterFunc(delay, c.send)
	}
	_ = c.conn.Conn().SetDeadline(c.deadline) // It fails on a connection that is closed.
}

// send asks the server to cancel the statement, and waits for it to confirm.
func (c *canceler) send() {
	defer close(c.ended)
	ctx, cancel := context.WithDeadline(context.Background(), c.deadline)
	defer cancel()
	err := c.conn.CancelRequest(ctx)
	// It succeeds when it has waited in vain, too. The context may not have noticed
	// by then that its deadline has passed.
	c.confirmed = err == nil && time.Now().Before(c.deadline)
}

// HandleUnwatchAfterCancel implements [ctxwatch.Handler]. It is called when the
// statement has ended, however it did, after HandleCancel.
func (c *canceler) HandleUnwatchAfterCancel() {
	usable := c.request != nil
	if usable && !c.request.Stop() {
		<-c.ended // By the deadline at the latest.
		usable = c.confirmed
	}
	// A connection that was read from until its deadline is broken. The driver
	// closes it next, unless it has done so.
	usable = usable && time.Now().Before(c.deadline)
	switch isClosed := c.conn.IsClosed(); {
	case isClosed:
		// The driver would wait for what is still to come, up to 15 seconds, in
		// which the connection has its place in the pool.
		_ = c.conn.Conn().Close() // Nothing is left to save.
	case !usable:
		// It is dead, or a cancel request may yet come for it. The deadline keeps
		// Close from waiting.
		_ = c.conn.Conn().SetDeadline(time.Now())
		_ = c.conn.Close(context.Background()) // As above.
	default:
		_ = c.conn.Conn().SetDeadline(time.Time{})
	}
}

// acquireContext is the context in which a call waits for a connection. The pool
// pings a connection that was idle until the context's deadline, and closes it
// when that passes. With this context the deadline is pingTimeout, however little
// time the caller has left.
type acquireContext struct{ context.Context } //nolint:containedctx // It is one itself.

// acquireKey is what [acquireContext] has a value for.
type acquireKey struct{}

// Deadline implements [context.Context]. The end of the time is told by Done alone.
func (acquireContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Value implements [context.Context].
func (c acquireContext) Value(key any) any {
	if key == (acquireKey{}) {
		return true
	}
	return c.Context.Value(key)
}

// isPing reports whether what runs in a context is the pool's ping.
func isPing(ctx context.Context) bool { return ctx.Value(acquireKey{}) != nil }
