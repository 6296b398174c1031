package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"

	"github.com/jackc/pgx/v5"

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

// isCopiedAt reports whether an account at the target is, or was, the copy of this one, be
// it open or not.
func (a moveAccount) isCopiedAt(to moveAccount) bool {
	epoch := a.Epoch
	switch a.Sealed {
	case leaving:
		epoch = a.nextEpoch()
	case handedOver, gone:
	case open, arriving:
		return false
	}
	return to.IsThere && to.Epoch == epoch && to.Floor > a.Revision
}

// hasCopied reports whether a move has come so far that there is nothing to be copied any
// more, by the accounts of the source and the target. It fails when a move can neither
// begin nor go on.
func hasCopied(from, to moveAccount) (bool, error) {
	isCopy := from.isCopiedAt(to)
	isGone := from.Sealed == handedOver || from.Sealed == gone
	switch {
	case from.Sealed == gone && from.HasTodos:
		return false, refusef("the user is gone from the source, where there are todos all the same: an older todod has written them; " +
			"end it, and move or delete these rows by hand")
	case isCopy && (to.Sealed == open || isGone && to.Sealed == arriving):
		return true, nil
	case from.Sealed == handedOver && isCopy && to.Sealed == gone:
		return false, refusef("an abort of this move was ended: run it again with -abort first")
	case from.Sealed == handedOver:
		return false, notHandedOver()
	case from.Sealed == gone:
		return false, refusef("the user is gone from the source, and what it has handed over is not at the target either: " +
			"run this with the TARGET_DATABASE_URL of before, or, to move the user on, with the database that has the user as DATABASE_URL")
	case from.Sealed == arriving:
		return false, refusef("the user is being moved to the source: finish that move, or abort it, first")
	}
	var reason string
	switch {
	case to.Sealed == leaving, to.Sealed == handedOver:
		reason = "the user is being moved away from the target: finish that move, or abort it, first"
	case to.Sealed == gone && to.HasTodos:
		reason = "the user was moved away from the target, where there are todos all the same: an older todod has written them; " +
			"end it, and move or delete these rows by hand"
	case to.Sealed == open && to.HasTodos:
		reason = "the user has todos of their own at the target: if those at the source are the ones to keep, run todod erase-user at the target; " +
			"if not, at the source"
	default:
		return false, nil
	}
	return false, refusef("%s", reason)
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
// no two seals of the same; but an account that is gone keeps the one that it was copied at.
func (s *Store) setSealed(ctx context.Context, owner todo.UserID, sealed sealing) error {
	return s.run(ctx, database.Statement{
		Name: "seal account",
		SQL: `
			UPDATE todo_account
			SET    sealed = $2::smallint, revision = revision + ($2::smallint <> 3)::integer
			WHERE  user_id = $1`,
		Args:  []any{owner.String(), int(sealed)},
		Owner: owner.String(),
		Read:  ignoreRows,
	})
}

// setHandedOver seals the account of an owner who was copied, and notes the copy's epoch.
func (s *Store) setHandedOver(ctx context.Context, owner todo.UserID, epoch int32) error {
	return s.run(ctx, database.Statement{
		Name: "seal account that is handed over",
		SQL: `
			UPDATE todo_account
			SET    sealed = 4, epoch = $2
			WHERE  user_id = $1`,
		Args:  []any{owner.String(), epoch},
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

// aloneTimeout bounds the wait for another move of the same user. The sessions of one
// that was killed end within a moment.
const aloneTimeout = "2s"

// alone runs something while a transaction holds the lock of the user's moves on a side. A
// lock of the session would not do: poolers have several clients take turns on one. It fails
// with errTwoMoves when another move holds the lock. When a statement of that transaction
// finds that it was ended, all runs again.
func (m *Move) alone(ctx context.Context, side string, s *Store, run func(context.Context, *Store) error) error {
	var failed error
	err := s.transact(ctx, moves, false, func(ctx context.Context, s *Store) error {
		err := s.run(ctx, database.Statement{
			Name: "lock moves",
			SQL: `
				SELECT pg_advisory_xact_lock(hashtextextended('todod move-user ' || $1::text, 0))
				FROM   set_config('lock_timeout', $2, true)`,
			Args: []any{m.User.String(), aloneTimeout},
			Read: ignoreRows,
		})
		if err == nil {
			failed = run(ctx, s)
		}
		return err
	})
	if database.IsLockTimeout(err) {
		err = errTwoMoves
	}
	return errors.Join(failed, onSide(side, err))
}

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

// empty removes all that there is of a user who was handed over, and leaves an account that
// says that they are gone. It returns how many todos and requests there were. It takes the
// account's lock last: the user's calls would wait for it, where they can be refused.
func (s *Store) empty(ctx context.Context, owner todo.UserID, seen moveAccount) (todos, requests int, err error) {
	err = s.transact(ctx, owner.String(), true, func(ctx context.Context, s *Store) (err error) {
		if todos, requests, err = s.removeMoved(ctx, owner); err != nil {
			return err
		}
		if err = s.lockAccount(ctx, owner); err != nil {
			return err
		}
		now, err := s.moveAccount(ctx, owner)
		seen.HasTodos = now.HasTodos // An older todod may have written since.
		switch {
		case err != nil:
			return err
		case now != seen:
			return errChanged
		}
		return s.setSealed(ctx, owner, gone)
	})
	return todos, requests, err
}
