package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// Ready fails with [todo.ErrUnavailable] unless the database answers and could
// run each of the store's statements: it is UTF-8 and takes writes, unless it is
// a standby, and the tables are there, with columns, types and defaults that the
// statements rely on, and the rights to use them. The log says what is missing,
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
	var causes []string
	for _, t := range tables() {
		f, err := s.facts(ctx, t)
		switch {
		case errors.Is(err, todo.ErrUnavailable):
			return err // The log has it.
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("%w: %w", todo.ErrUnavailable, err)
		case err != nil:
			causes = append(causes, err.Error())
		}
		for _, fault := range f.faults(t) {
			if err == nil && !slices.Contains(causes, fault) { // Those of the database come with each table.
				causes = append(causes, fault)
			}
		}
	}
	cause := strings.Join(causes, "; ")
	s.tellReadiness(ctx, cause)
	if cause != "" {
		return fmt.Errorf("postgres: %w: %s", todo.ErrUnavailable, cause)
	}
	return nil
}

// facts asks the database about a table.
func (s *Store) facts(ctx context.Context, of table) (f facts, err error) {
	err = s.run(ctx, database.Statement{
		Name:  "check readiness",
		SQL:   factsSQL,
		Args:  of.args(),
		Alone: true,
		Read: func(rows pgx.Rows) (err error) {
			f, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[facts])
			return err
		},
	})
	return f, err
}

// tellReadiness logs what keeps the database from serving, none while it can, when that
// differs from the last time.
func (s *Store) tellReadiness(ctx context.Context, cause string) {
	last, _ := s.told.unreadiness.Swap(cause).(string)
	switch {
	case cause == last:
	case cause == "":
		s.config.Logger.InfoContext(ctx, "the database can serve again")
	default:
		s.config.Logger.WarnContext(ctx, "not ready: the database can't serve", "cause", cause)
	}
}
