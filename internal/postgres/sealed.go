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

// isElsewhere reports whether the todos are in another database.
func (s sealing) isElsewhere() bool { return s >= arriving }

// isOpen and isHere are conditions on an account: it may be written to, and its todos are
// in this database. sealOfOwner is how the account of the owner, $1, is sealed, if there is one.
const (
	isOpen      = `sealed = 0`
	isHere      = `sealed < 2` // See [sealing.isElsewhere].
	sealOfOwner = `COALESCE((SELECT max(sealed) FROM todo_account WHERE user_id = $1), 0)::integer`
)

// attempts is how often a call tries that found nothing, though a second look found what
// it is about: another call has made that in between, or the account was opened.
const attempts = 2

// errMoving says that a statement was refused by a sealed account.
func errMoving(name string) error { return fmt.Errorf("postgres: %s: %w", name, todo.ErrMoving) }

// sealing returns whether an owner's account is sealed.
func (s *Store) sealing(ctx context.Context, owner todo.UserID) (found sealing, err error) {
	err = s.run(ctx, database.Statement{
		Name: "look at account",
		SQL:  `SELECT ` + sealOfOwner,
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
	if s.isLocked {
		return nil
	}
	sealed, err := s.sealing(ctx, owner)
	if err == nil && sealed != open {
		err = errMoving(name)
	}
	return err
}

// traces are what there is of a todo that a statement has not found, in one snapshot with
// its owner's account.
type traces struct {
	sealed     sealing
	isAlive    bool // It is there.
	isKept     bool // It is there or in the trash.
	hasVersion bool // And it has the version, if there is one.
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
			SELECT ` + sealOfOwner + `,
			       todo.id IS NOT NULL AND deleted_at IS NULL,
			       todo.id IS NOT NULL AND NOT purged,
			       COALESCE(COALESCE(updated_at, '-infinity') = $3::timestamptz, true)
			FROM   (SELECT) AS one
			LEFT   JOIN todo ON user_id = $1 AND id = $2`,
		Args: []any{owner.String(), uuidParam(id), versionParam(version)},
		Read: func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&seen.sealed, &seen.isAlive, &seen.isKept, &seen.hasVersion}, func() error { return nil })
			return err
		},
	})
	return seen, err
}

// lookAgain reports whether a statement that has not found a todo is worth another try: the
// todo is there now, and has the version. It fails with [todo.ErrMoving] when the owner's
// account is sealed, and with [todo.ErrNotFound] when isThere reports no trace of the todo.
func (s *Store) lookAgain(
	ctx context.Context, owner todo.UserID, id todo.ID, version todo.Version, name string, isThere func(traces) bool,
) (again bool, err error) {
	if s.isLocked {
		return false, nil
	}
	seen, err := s.whyNone(ctx, owner, id, version)
	switch {
	case err != nil:
		return false, err
	case seen.sealed != open:
		return false, errMoving(name)
	case !isThere(seen):
		return false, todo.ErrNotFound
	}
	return seen.hasVersion, nil
}

// found runs a statement that reads a todo, of which isThere reports whether there are
// traces. It fails with [todo.ErrNotFound], and with [todo.ErrMoving] when it finds none and
// the owner's todos are elsewhere. What it finds in a copy that is arriving, it returns:
// nobody can change that at the source, so it is what is read there.
func (s *Store) found(
	ctx context.Context, owner todo.UserID, id todo.ID, statement database.Statement, isThere func(traces) bool,
) (todo.Todo, error) {
	for range attempts {
		found, err := s.todo(ctx, statement)
		if !errors.Is(err, todo.ErrNotFound) || s.isLocked {
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
	if s.isLocked {
		return todo.ErrAlreadyExists
	}
	var sealed sealing
	var isTaken bool
	err := s.run(ctx, database.Statement{
		Name: "look for id",
		SQL: `
			SELECT ` + sealOfOwner + `,
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
