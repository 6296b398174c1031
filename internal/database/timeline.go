package database

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// timeline is a history of changes that a primary continues. PostgreSQL begins the next
// one with each promotion. The zero value is one that the server doesn't tell.
type timeline struct {
	cluster string // PostgreSQL's system identifier: of the same data at some time.
	number  uint32
}

// isAfter reports whether a timeline has overtaken another one of the same cluster.
func (t timeline) isAfter(other timeline) bool {
	return t.cluster != "" && t.cluster == other.cluster && t.number > other.number
}

// ask returns the timeline of an address where the primary is, and how it was reached.
func (p *primary) ask(ctx context.Context, e *endpoint) (entry *pgconn.FallbackConfig, at timeline, err error) {
	conn, entry, err := p.connect(ctx, e)
	if err != nil {
		return nil, timeline{}, err
	}
	defer hangUp(conn)
	at, err = p.examine(ctx, conn)
	return entry, at, err
}

// connect connects to an address with TLS or without, as the connection string prefers. A
// server that has answered in one way is asked in the other only where it wants that.
func (p *primary) connect(ctx context.Context, e *endpoint) (conn *pgconn.PgConn, entry *pgconn.FallbackConfig, err error) {
	const invalidAuthorization = "28000" // pg_hba.conf tells connections with TLS from those without.
	for _, entry = range e.host.entries {
		config := e.host.config.Copy()
		e.configure(config, entry)
		conn, err = pgconn.ConnectConfig(context.WithValue(ctx, attemptKey{}, true), config)
		if _, answered := pgError(err); err == nil || answered && !hasState(err, invalidAuthorization) {
			break
		}
	}
	return conn, entry, err
}

// examine returns the timeline of a connection's server, and fails unless it is the primary.
func (p *primary) examine(ctx context.Context, conn *pgconn.PgConn) (timeline, error) {
	if err := p.isPrimary(ctx, conn); err != nil {
		return timeline{}, err
	}
	at, err := readTimeline(ctx, conn)
	if err == nil && at.cluster == "" {
		p.unfenced.Do(func() {
			p.logger.WarnContext(ctx, "the database does not tell its timeline, so a former primary is not known as such; "+
				"the role needs the right to execute pg_control_system, pg_walfile_name and pg_current_wal_insert_lsn")
		})
	}
	return at, err
}

// readTimeline returns the timeline that a primary writes.
func readTimeline(ctx context.Context, conn *pgconn.PgConn) (timeline, error) {
	const undefinedFunction, featureNotSupported = "42883", "0A000"
	results, err := conn.Exec(ctx, `
		SELECT system_identifier, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
		FROM   pg_control_system()`).ReadAll()
	switch {
	case hasState(err, insufficientPrivilege, undefinedFunction, featureNotSupported):
		return timeline{}, nil
	case err != nil:
		return timeline{}, err
	case len(results) != 1 || len(results[0].Rows) != 1:
		return timeline{}, nil
	}
	row := results[0].Rows[0]
	number, err := strconv.ParseUint(string(row[1]), 16, 32)
	if err != nil {
		return timeline{}, nil //nolint:nilerr // Not PostgreSQL's name of a file.
	}
	return timeline{cluster: string(row[0]), number: uint32(number)}, nil
}

// hangUpTime bounds the wait for a server to end a connection.
const hangUpTime = time.Second

// hangUp ends a connection and waits until the server has, which counts it until then. It
// needs no statement under way.
func hangUp(conn *pgconn.PgConn) {
	h, err := conn.Hijack()
	if err != nil {
		_ = conn.Conn().Close() // It is broken.
		return
	}
	defer func() { _ = h.Conn.Close() }() // Nothing is left to save.
	_ = h.Conn.SetDeadline(time.Now().Add(hangUpTime))
	h.Frontend.Send(&pgproto3.Terminate{})
	if h.Frontend.Flush() == nil {
		_, _ = io.Copy(io.Discard, h.Conn) // To its end.
	}
}
