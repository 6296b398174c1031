package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// Ready fails with [todo.ErrUnavailable] unless the database answers and could
// run each of the store's statements: it is UTF-8 and takes writes, unless it is
// a standby, and the table todo is there, with columns, types and defaults that
// the statements rely on, and the rights to use it. The log says what is missing,
// once until that changes.
//
// A table that is locked counts as there: the catalog is asked, which needs no
// lock on it. While all connections are in use and their statements are
// answered, Ready takes their word: taking a busy instance out of rotation
// only overloads the others.
func (s *Store) Ready(ctx context.Context) error {
	if s.db.IsServing() {
		return nil
	}
	const operation = "check readiness"
	var f facts
	err := s.run(ctx, database.Statement{
		Name:  operation,
		SQL:   factsSQL,
		Alone: true,
		Read:  func(rows pgx.Rows) error { return readOne(rows, f.columns()...) },
	})
	switch {
	case errors.Is(err, todo.ErrUnavailable):
		return err // The log has it.
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%w: %w", todo.ErrUnavailable, err)
	}
	cause := strings.Join(f.faults(), "; ")
	if err != nil {
		cause = err.Error()
	}
	s.readiness.tell(ctx, s.config.Logger, cause)
	if cause != "" {
		return fmt.Errorf("postgres: %s: %w: %s", operation, todo.ErrUnavailable, cause)
	}
	return nil
}

// readiness is what the log was told of whether the database can serve.
type readiness struct {
	mu    sync.Mutex
	cause string // Empty while it can.
}

// tell logs a cause that differs from the last.
func (r *readiness) tell(ctx context.Context, logger *slog.Logger, cause string) {
	switch {
	case !r.changes(cause):
		return
	case cause == "":
		logger.InfoContext(ctx, "the database can serve again")
	default:
		logger.WarnContext(ctx, "not ready: the database can't serve", "cause", cause)
	}
}

// changes notes a cause, and reports whether it differs from the last.
func (r *readiness) changes(cause string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := cause != r.cause
	r.cause = cause
	return changes
}
