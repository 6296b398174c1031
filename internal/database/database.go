// Package database runs SQL statements on PostgreSQL and knows nothing of what they
// are about: the pool of connections with its bounds (bounds.go, pool.go, dial.go),
// how the primary is found among several hosts (primary.go, search.go, fence.go),
// batches of statements that come at once (lane.go, batch.go), transactions
// (transaction.go), when a statement waits for others and when it is refused
// (admission.go), run again (run.go, renewal.go) and canceled (cancel.go), what errors
// mean (errors.go), what a connection string means (url.go), and the migration that brings
// a database to a schema (migrate.go).
//
// It sets nothing on a session beyond a transaction but what poolers keep for each of
// theirs, and prepares nothing when the URL says so, so that it works through PgBouncer
// in transaction mode.
package database

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says which database a DB is on.
type Config struct {
	// URL is the connection string, in the form that [connstring.Check] accepts.
	URL string

	// MaxConns is the number of connections that are opened at most, at least
	// 1.
	MaxConns int

	// Batches is how many batches of each lane are under way at once; 0 has each
	// statement run by itself. Reads and writes have at most a quarter of the
	// connections each, and scans what those leave of one half: the other half is for
	// statements that run alone.
	Batches int

	// Logger is told when the database goes away and when it comes back. It
	// must not be nil.
	Logger *slog.Logger

	// Observer is told of statements and batches; it may be nil.
	Observer Observer

	Bounds Bounds // The usual ones when it is zero.
}

// DB is a PostgreSQL database. It needs none to start with: until there is one, its
// statements fail with [ErrUnavailable].
type DB struct {
	pool      *pgxpool.Pool
	primary   *primary // nil unless it is to be found among several hosts.
	backoff   *backoff
	bounds    Bounds
	admission *admission
	renewal   renewal
	reads     *lane
	scans     *lane
	writes    *lane
	observer  Observer // May be nil.

	connectionReruns, conflictReruns atomic.Int64 // See [Reruns].
}

// Open returns a DB, without having connected to anything. Its error never shows
// any part of the URL. The caller closes the DB.
func Open(config Config) (*DB, error) {
	bounds := cmp.Or(config.Bounds, UsualBounds())
	backoff := newBackoff(config.Logger)
	pool, primary, err := newPool(config, bounds, backoff)
	if err != nil {
		return nil, err
	}
	slots, scanSlots := slotsOf(config.Batches, config.MaxConns)
	db := &DB{
		pool:      pool,
		primary:   primary,
		backoff:   backoff,
		bounds:    bounds,
		admission: newAdmission(config.MaxConns-2*slots-scanSlots, bounds.Acquire, config.Logger),
		observer:  config.Observer,
	}
	open := func(name Lane, slots int) *lane {
		l := newLane(db, slots, bounds)
		l.name, l.observer = name, config.Observer
		return l
	}
	db.reads, db.scans, db.writes = open(LaneRead, slots), open(LaneScan, scanSlots), open(LaneWrite, slots)
	return db, nil
}

// slotsOf returns how many batches of reads or of writes, and how many of scans, may be
// under way.
func slotsOf(batches, conns int) (each, scans int) {
	each = min(batches, conns/4)
	return each, min(2*each, batches, conns/2-2*each)
}

func (db *DB) lanes() []*lane { return []*lane{db.reads, db.scans, db.writes} }

// Close waits for statements under way and closes all connections. Statements that
// come later fail with [ErrUnavailable].
func (db *DB) Close() {
	db.pool.Close()
	if db.primary != nil {
		db.primary.close()
	}
}

// Run runs a statement, alone or in a batch with others. Each time it takes at most a
// second to get a connection, or none when it would be in vain, and gives the statement,
// its waits for locks included, five seconds, or a quarter of one in a batch. All runs
// together have seven. A statement whose time is over may take three quarters of a second
// more to end; if that is by success, so does Run.
//
// It fails with [ErrUnavailable] when the same statement may succeed later, as when its
// time is over; with [context.DeadlineExceeded] when the server canceled it of its own
// accord, as for a statement_timeout that is shorter; with the context's error when that
// ends first; and otherwise with what PostgreSQL or Read said.
func (db *DB) Run(ctx context.Context, s Statement) error {
	if err := waitIfSpent(ctx); err != nil {
		return interpret(ctx, s.Name, err)
	}
	lane := db.reads
	switch {
	case s.writes():
		lane = db.writes
	case s.IsScan:
		lane = db.scans
	}
	c := &call{Statement: s}
	err := lane.run(ctx, c)
	db.report(ctx, StatementReport{Name: c.Name, Began: c.since, Batch: c.batch}, err)
	return err
}

// IsServing reports whether all connections for statements that run alone are in use,
// and the database answers on them. A probe would have to queue, and tell no more.
func (db *DB) IsServing() bool { return db.admission.serving() }
