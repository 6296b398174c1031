package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// sealing is what todo_account.sealed says: whether a user is being moved to another
// database, or has been.
type sealing int

const (
	open     sealing = iota
	leaving          // The todos are here, and nobody may change them.
	arriving         // The todos are elsewhere, and a copy may be here.
	gone             // The todos are elsewhere, and none are here.

	// The todos are in the one database that has the copy, or will be. They are here too
	// until the move has ended: gets and lists show them, as nobody is sent elsewhere yet.
	handedOver
)

// isElsewhere reports whether the todos are in another database. SQL has it as
// `sealed >= 2`.
func (s sealing) isElsewhere() bool { return s >= arriving }

// attempts is how often a call tries that found nothing, though a second look found what
// it is about: another call has made that in between, or the account was opened.
const attempts = 2

// errMoving says that a statement was refused by a sealed account.
func errMoving(name string) error { return fmt.Errorf("postgres: %s: %w", name, todo.ErrMoving) }

// sealing returns whether an owner's account is sealed.
func (s *Store) sealing(ctx context.Context, owner todo.UserID) (found sealing, err error) {
	err = s.run(ctx, database.Statement{
		Name: "look at account",
		SQL: `
			SELECT COALESCE(max(sealed), 0)::integer
			FROM   todo_account
			WHERE  user_id = $1`,
		Args: []any{owner.String()},
		Read: func(rows pgx.Rows) (err error) {
			found, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[sealing])
			return err
		},
	})
	return found, err
}

// checkOpen fails with [todo.ErrMoving] when an owner's account is sealed. It is for
// statements that have found nothing.
func (s *Store) checkOpen(ctx context.Context, owner todo.UserID, name string) error {
	sealed, err := s.sealing(ctx, owner)
	if err == nil && sealed != open {
		err = errMoving(name)
	}
	return err
}

// traces are what there is of a todo that a statement has not found, in one snapshot with
// its owner's account.
type traces struct {
	sealed  sealing
	isAlive bool // It is there, and has the version.
	isKept  bool // It is there or in the trash, and has the version.
}

func (t traces) hasAlive() bool { return t.isAlive }
func (t traces) hasKept() bool  { return t.isKept }

// whyNone looks for a todo that a statement has not found. The statement may have been
// refused by a sealed account, or have come too early or too late. When the account is
// not sealed and there is no trace, there is no such todo.
func (s *Store) whyNone(ctx context.Context, owner todo.UserID, id todo.ID, version todo.Version) (seen traces, err error) {
	err = s.run(ctx, database.Statement{
		Name: "look for todo",
		SQL: `
			SELECT COALESCE((SELECT max(sealed) FROM todo_account WHERE user_id = $1), 0)::integer,
			       EXISTS (SELECT FROM todo WHERE ` + alive + `),
			       EXISTS (SELECT FROM todo WHERE ` + unpurged + `)`,
		Args: []any{owner.String(), uuidParam(id), versionParam(version)},
		Read: func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&seen.sealed, &seen.isAlive, &seen.isKept}, func() error { return nil })
			return err
		},
	})
	return seen, err
}

// found runs a statement that reads a todo, of which isThere reports whether there are
// traces. It fails with [todo.ErrNotFound], and with [todo.ErrMoving] when the owner's
// todos are elsewhere.
func (s *Store) found(
	ctx context.Context, owner todo.UserID, id todo.ID, statement database.Statement, isThere func(traces) bool,
) (todo.Todo, error) {
	for range attempts {
		found, err := s.todo(ctx, statement)
		if !errors.Is(err, todo.ErrNotFound) {
			return found, err
		}
		seen, err := s.whyNone(ctx, owner, id, todo.Version{})
		switch {
		case err != nil:
			return todo.Todo{}, err
		case seen.sealed.isElsewhere():
			return todo.Todo{}, errMoving(statement.Name)
		case !isThere(seen):
			return todo.Todo{}, todo.ErrNotFound
		}
	}
	return todo.Todo{}, todo.ErrNotFound // It comes and goes.
}

// whyNotCreated fails when a create that found nothing has to: with [todo.ErrMoving] when
// the owner's account is sealed, and with [todo.ErrAlreadyExists] when somebody has the
// id.
func (s *Store) whyNotCreated(ctx context.Context, owner todo.UserID, id todo.ID) error {
	var sealed sealing
	var isTaken bool
	err := s.run(ctx, database.Statement{
		Name: "look for id",
		SQL: `
			SELECT COALESCE((SELECT max(sealed) FROM todo_account WHERE user_id = $1), 0)::integer,
			       EXISTS (SELECT FROM todo WHERE id = $2)`,
		Args: []any{owner.String(), uuidParam(id)},
		Read: func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&sealed, &isTaken}, func() error { return nil })
			return err
		},
	})
	switch {
	case err != nil:
		return err
	case sealed != open:
		return errMoving("create todo")
	case isTaken:
		return todo.ErrAlreadyExists
	}
	return nil
}
