package database

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/todo-backend/internal/connstring"
)

// newPool returns a pool that has no connection yet. The primary is nil unless the URL has
// it found among several hosts.
func newPool(config Config, bounds Bounds, backoff *backoff) (*pgxpool.Pool, *primary, error) {
	if config.MaxConns < 1 || config.MaxConns > math.MaxInt32 {
		return nil, nil, fmt.Errorf("database: the number of connections must be at least 1, not %d", config.MaxConns)
	}
	c, err := connstring.Parse(config.URL)
	if err != nil {
		return nil, nil, fmt.Errorf("database: the URL of the database %w", err)
	}
	c.BeforeConnect = backoff.allow
	c.ConnConfig.Tracer = backoff
	c.ConnConfig.DialFunc = backoff.dialWith(c.ConnConfig.DialFunc, bounds.Cancel)
	c.ConnConfig.BuildContextWatcherHandler = buildCanceler(bounds)
	c.ConnConfig.OnNotice = noteLocalCommit
	c.ConnConfig.ConnectTimeout = cmp.Or(c.ConnConfig.ConnectTimeout, bounds.Connect)
	lookUp := c.ConnConfig.LookupFunc // Not part of what ConnectTimeout bounds.
	c.ConnConfig.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, c.ConnConfig.ConnectTimeout)
		defer cancel()
		return lookUp(ctx, host)
	}
	c.MaxConns = int32(config.MaxConns)
	c.PingTimeout = bounds.Ping
	c.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
		return p.IdleDuration > bounds.PingAfter
	}
	var primary *primary
	if connstring.SeeksPrimary(config.URL) {
		primary = findPrimary(c, bounds, config.Logger)
		c.BeforeConnect = backoff.direct(primary)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, nil, fmt.Errorf("database: make the pool: %w", err)
	}
	return pool, primary, nil
}

// localCommitKey marks, in a connection's own data, that its last commit is not
// known to be on a synchronous standby.
const localCommitKey = "local commit"

// noteLocalCommit is the [pgconn.NoticeHandler] that notes a commit whose wait for a
// synchronous standby was canceled: the server warns, and then answers as to any
// other. It goes by the function in the server's source, since the warning has no
// code of its own.
func noteLocalCommit(conn *pgconn.PgConn, notice *pgconn.Notice) {
	if notice.Routine == "SyncRepWaitForLSN" {
		conn.CustomData()[localCommitKey] = true
	}
}

// isLocalCommit reports whether the last commit on a connection was such a one.
func isLocalCommit(conn *pgx.Conn) bool {
	data := conn.PgConn().CustomData()
	_, noted := data[localCommitKey]
	delete(data, localCommitKey)
	return noted
}
