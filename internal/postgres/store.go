// Package postgres keeps todos in PostgreSQL: the pool of connections with its
// bounds (bounds.go, pool.go, dial.go, queue.go), one SQL statement for each operation
// (read.go, create.go, todo.go), which calls share when many come at once
// (share.go, share_statement.go), how one owner leaves connections to others
// (turns.go), how a statement ends whose caller has left (cancel.go), what is tried
// again (retry.go), what errors mean (errors.go), whether the database can serve
// (ready.go), what a connection string means (url.go), and the migration that brings a
// database to the schema (migrate.go).
//
// It sets nothing on a session but what poolers keep for each of theirs, prepares
// nothing when the URL says so, and needs no transaction of more than one
// statement, so that it works through PgBouncer in transaction mode.
package postgres

import (
	"cmp"
	"log/slog"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/todo-backend/internal/todo"
)

// Config says which database a Store is on.
type Config struct {
	// URL is the connection string, in the form that [CheckURL] accepts.
	URL string

	// MaxConns is the number of connections that are opened at most, at least
	// 1.
	MaxConns int

	// MaxTodos is the number of todos that an owner may have; 0 for any
	// number. Creates beside one another may exceed it by their number.
	MaxTodos int

	// SharedStatements is how many statements of GetTodo run at once before all
	// further calls wait to share one, and how many of ListTodos, and of
	// CreateTodo when MaxTodos is 0; 0 lets each call have its own.
	SharedStatements int

	// Logger is told when the database goes away and when it comes back. It
	// must not be nil.
	Logger *slog.Logger

	bounds bounds // The usual ones when it is zero.
}

// Store is a [todo.Store] on a PostgreSQL database. It needs no database to
// start with, and no schema: until they are there, its methods fail with
// [todo.ErrUnavailable].
//
// Every method takes at most a second to get a connection, or none when it
// would be in vain, and gives a statement, the wait for locks included, five
// seconds. It fails with [context.DeadlineExceeded] when they, or the caller's
// deadline, pass. A call that was to share a statement may take a quarter of a
// second more, until that is late. And any may take three quarters more, until a
// statement whose time is over has ended; if that is by success, so does the call.
//
// The writes of one owner have half of the connections at most.
type Store struct {
	pool     *pgxpool.Pool
	bounds   bounds
	queue    *queue
	turns    *turns
	renewal  renewal
	maxTodos int
	gets     *sharer[getQuery]
	lists    *sharer[listQuery]
	creates  *sharer[createQuery]

	logger        *slog.Logger
	readiness     readiness
	oddTimeLogged atomic.Bool
}

var _ todo.Store = (*Store)(nil)

// Open returns a Store, without having connected to anything. Its error never
// shows any part of the URL. The caller closes the Store.
func Open(config Config) (*Store, error) {
	bounds := cmp.Or(config.bounds, usualBounds())
	pool, err := newPool(config, bounds)
	if err != nil {
		return nil, err
	}
	queue := &queue{conns: config.MaxConns, acquireTimeout: bounds.Acquire, logger: config.Logger}
	s := &Store{
		pool:     pool,
		bounds:   bounds,
		queue:    queue,
		turns:    newTurns(config.MaxConns, queue),
		maxTodos: config.MaxTodos,
		logger:   config.Logger,
	}
	s.gets = newSharer(config.SharedStatements, getOperation, bounds, s.getShared, s.queue.shed)
	s.lists = newSharer(config.SharedStatements, listOperation, bounds, s.listShared, s.queue.shed)
	s.creates = newSharer(config.SharedStatements, createOperation, bounds, s.createShared, s.queue.shed)
	s.lists.crowdSize = listCrowd
	s.creates.isHeldUp = func(q createQuery) bool { return s.turns.full(q.owner) }
	return s, nil
}

// Close waits for statements under way and closes all connections. Calls that
// come later fail with [todo.ErrUnavailable].
func (s *Store) Close() { s.pool.Close() }
