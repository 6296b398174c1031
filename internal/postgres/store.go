// Package postgres keeps todos in PostgreSQL: the SQL statements of each operation
// (todo.go, bound.go), which internal/database runs, what its rows mean (row.go), how users
// move between databases (move.go), and whether the database can run them (ready.go,
// facts.go).
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// Config says how a Store keeps todos.
type Config struct {
	// MaxTodos is the number of todos that an owner may have; 0 for any number.
	// Creates beside one another may exceed it by their number.
	MaxTodos int

	// TrashRetention is how long deleted todos stay in the trash, and clients that
	// sync can learn of deletions. With 0 there is no trash: deleted todos are
	// removed at once, and nobody can sync.
	TrashRetention time.Duration

	// Logger is told of rows that callers can't be told as they are, and of what
	// keeps the database from serving. It must not be nil.
	Logger *slog.Logger
}

// Store is a [todo.Store] on a PostgreSQL database. It needs no schema to start with:
// until it is there, its methods fail with [todo.ErrUnavailable]. How long they take
// at most is said at [database.DB.Run].
type Store struct {
	db     *database.DB
	runner runner // The database, or a transaction on it.
	config Config
	told   *told

	// isLocked says that the owner's account is locked by the transaction, and open. So
	// what a statement has not found is not there, and needs no second look.
	isLocked bool

	foldings func() *foldings // For searches; made when the first one comes.
}

// runner runs statements. [database.DB] and [database.Tx] do.
type runner interface {
	Run(ctx context.Context, statement database.Statement) error
}

// told is what the log was told.
type told struct {
	unreadiness atomic.Value // The cause, a string.
	oddTime     atomic.Bool
}

var _ todo.Store = (*Store)(nil)

// NewStore returns a Store on a database, which the caller closes.
func NewStore(db *database.DB, config Config) *Store {
	return &Store{db: db, runner: db, config: config, told: new(told), foldings: sync.OnceValue(newFoldings)}
}

// in returns the store whose statements run in a transaction.
func (s *Store) in(tx *database.Tx) *Store {
	within := *s
	within.runner = tx
	return &within
}

// run runs a statement, and says its errors in the domain's terms.
func (s *Store) run(ctx context.Context, statement database.Statement) error {
	return translate(s.runner.Run(ctx, statement))
}

// translate says the database's errors in the domain's terms.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, database.ErrUnavailable):
		return fmt.Errorf("postgres: %w: %w", todo.ErrUnavailable, err)
	}
	return fmt.Errorf("postgres: %w", err)
}

// todos runs a statement that returns todos, in the order of [columns].
func (s *Store) todos(ctx context.Context, statement database.Statement) ([]todo.Todo, error) {
	var found []todo.Todo
	most := statement.MaxRows
	statement.Read = func(rows pgx.Rows) (err error) {
		found, err = s.scan(rows, most)
		return err
	}
	if err := s.run(ctx, statement); err != nil {
		return nil, err // Rows may have come before the commit failed, or may yet come.
	}
	return found, nil
}

// todo runs a statement that returns a todo. It fails with [todo.ErrNotFound] when it
// returns none.
func (s *Store) todo(ctx context.Context, statement database.Statement) (todo.Todo, error) {
	found, err := s.todos(ctx, statement)
	switch {
	case err != nil:
		return todo.Todo{}, err
	case len(found) == 0:
		return todo.Todo{}, todo.ErrNotFound
	}
	return found[0], nil
}
