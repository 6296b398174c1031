package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// moveAccount is an account as a move sees it.
type moveAccount struct {
	IsThere  bool
	Sealed   sealing
	Epoch    int32
	Revision int64
	Floor    int64
	HasTodos bool
}

// nextEpoch returns the epoch of the target's account after a move of a sealed account.
// Each seal takes a revision of its own, so it is another one for each move.
func (a moveAccount) nextEpoch() int32 {
	hash := fnv.New32a()
	_ = binary.Write(hash, binary.BigEndian, a.Revision) // A hash takes all.
	_ = binary.Write(hash, binary.BigEndian, a.Epoch)
	return int32(hash.Sum32() >> 1)
}

// hasBecome reports whether an account at the target is what a move of this one made, and
// the target has taken over.
func (a moveAccount) hasBecome(to moveAccount) bool {
	return a.Sealed == leaving && to.IsThere && to.Sealed == open && to.Epoch == a.nextEpoch() && to.Floor > a.Revision
}

// stage is how far a move has come.
type stage int

const (
	notBegun stage = iota // Or not to the switch.
	switched              // The target has taken over.
	left                  // The source has nothing left.
)

// stageOf returns how far a move has come, by the accounts of the source and the target. It
// fails when there can't be such a move.
func stageOf(from, to moveAccount) (stage, error) {
	switch {
	case from.Sealed == gone && from.HasTodos:
		return 0, errors.New("the user is gone from the source, where there are todos all the same: something that knows no seal has written them, " +
			"an old todod for example; end it, and move or delete these rows by hand")
	case from.Sealed == gone && to.IsThere && to.Sealed == open:
		return left, nil
	case from.Sealed == gone:
		return 0, errors.New("the user is gone from the source, and not at the target either: run this with the database that has the user as DATABASE_URL")
	case from.Sealed == arriving:
		return 0, errors.New("the user is being moved to the source: finish that move, or abort it, first")
	case from.hasBecome(to):
		return switched, nil
	case to.Sealed == leaving:
		return 0, errors.New("the user is being moved away from the target: finish that move, or abort it, first")
	case to.Sealed == open && to.HasTodos:
		return 0, errors.New("the user has todos of their own at the target: if those at the source are the ones to keep, run todod erase-user at the target; " +
			"if not, at the source")
	}
	return notBegun, nil
}

// moveAccount reads an owner's account. One that is not there counts as open.
func (s *Store) moveAccount(ctx context.Context, owner todo.UserID) (found moveAccount, err error) {
	err = s.run(ctx, database.Statement{
		Name: "read account to move",
		SQL: `
			SELECT account.user_id IS NOT NULL, COALESCE(sealed, 0)::integer, COALESCE(epoch, 0), COALESCE(revision, 0), COALESCE(floor, 0),
			       EXISTS (SELECT FROM todo WHERE user_id = $1)
			FROM   (SELECT) AS one
			LEFT   JOIN todo_account AS account ON account.user_id = $1`,
		Args: []any{owner.String()},
		Read: func(rows pgx.Rows) (err error) {
			found, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[moveAccount])
			return err
		},
	})
	return found, err
}

// setSealed seals an owner's account, or opens it. It takes a revision, so that there are
// no two seals of the same.
func (s *Store) setSealed(ctx context.Context, owner todo.UserID, sealed sealing) error {
	return s.run(ctx, database.Statement{
		Name: "seal account",
		SQL: `
			UPDATE todo_account
			SET    sealed = $2, revision = revision + 1
			WHERE  user_id = $1`,
		Args:  []any{owner.String(), int(sealed)},
		Owner: owner.String(),
		Read:  ignoreRows,
	})
}

// setArriving seals the account of an owner who arrives. Clients that sync start again:
// none has a position from behind its floor.
func (s *Store) setArriving(ctx context.Context, owner todo.UserID, epoch int32, revision int64) error {
	return s.run(ctx, database.Statement{
		Name: "seal arriving account",
		SQL: `
			UPDATE todo_account
			SET    sealed = 2, epoch = $2, revision = $3, floor = $3
			WHERE  user_id = $1`,
		Args:  []any{owner.String(), epoch, revision},
		Owner: owner.String(),
		Read:  ignoreRows,
	})
}

// moveLockTimeout bounds the wait for another move of the same user. The sessions of one
// that was killed end within a moment.
const moveLockTimeout = "2s"

// alone runs something while a transaction holds the lock of a user's moves. A lock of the
// session would not do: poolers have several clients take turns on one. It fails with
// errTwoMoves when another move holds the lock.
func (s *Store) alone(ctx context.Context, owner todo.UserID, run func(context.Context) error) error {
	var failed error
	err := s.transact(ctx, moves, false, func(ctx context.Context, s *Store) error {
		err := s.run(ctx, database.Statement{
			Name: "lock moves",
			SQL: `
				SELECT pg_advisory_xact_lock(hashtextextended('todod move-user ' || $1::text, 0))
				FROM   set_config('lock_timeout', $2, true)`,
			Args: []any{owner.String(), moveLockTimeout},
			Read: ignoreRows,
		})
		if err == nil {
			failed = run(ctx)
		}
		return err
	})
	if late, ok := errors.AsType[*pgconn.PgError](err); ok && late.Code == lockNotAvailable {
		err = errTwoMoves
	}
	return errors.Join(failed, err)
}

// lockNotAvailable is PostgreSQL's code for a lock that could not be had in time.
const lockNotAvailable = "55P03"

// moves stands for the owner of the transaction that holds the lock.
const moves = "moves\x00"

// transact runs statements in a transaction.
func (s *Store) transact(ctx context.Context, owner string, commit bool, run func(context.Context, *Store) error) error {
	return translate(s.db.RunTx(ctx, database.Transaction{
		Name:       "move user",
		Owner:      owner,
		Idempotent: true,
		Run: func(ctx context.Context, tx *database.Tx) (bool, error) {
			in := s.in(tx)
			if err := in.setNeutral(ctx); err != nil {
				return false, err
			}
			return commit, run(ctx, in)
		},
	}))
}

// change changes a user's account, and what belongs to it, under its lock. It makes the
// account if need be.
func (s *Store) change(ctx context.Context, owner todo.UserID, run func(context.Context, *Store, moveAccount) error) error {
	return s.transact(ctx, owner.String(), true, func(ctx context.Context, s *Store) error {
		if err := s.lockAccount(ctx, owner); err != nil {
			return err
		}
		now, err := s.moveAccount(ctx, owner)
		if err != nil {
			return err
		}
		return run(ctx, s, now)
	})
}

// empty removes all that there is of a user whose account is as it was seen, and leaves an
// account that says that they are gone. It returns how many todos there were.
func (s *Store) empty(ctx context.Context, owner todo.UserID, seen moveAccount) (n int, err error) {
	err = s.change(ctx, owner, func(ctx context.Context, s *Store, now moveAccount) (err error) {
		if now != seen {
			return errChanged
		}
		if n, err = s.removeMoved(ctx, owner); err == nil {
			err = s.setSealed(ctx, owner, gone)
		}
		return err
	})
	return n, err
}
