package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// clockRevision is the least revision that a change may take now. Revisions follow the
// clock, so that those after a restore of the database are greater than those before.
const clockRevision = `(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint`

// laterRevision is the next revision of an account that is there: it rises strictly where
// the clock does not.
const laterRevision = `GREATEST(mine.revision + 1, EXCLUDED.revision)`

// nextRevision is the part of a statement's WITH that takes the next revision of the
// owner, $1, if there is a row in `meant`: a call that changes nothing takes none.
//
// The account's row stays locked until the commit, and a commit is visible before its
// locks are gone. So whoever reads an account's revision sees every change up to it.
// Every statement locks the account before any todo.
//
// A sealed account gives no revision, so nothing is changed: see [Store.whyNone].
const nextRevision = `bumped AS (
				INSERT INTO todo_account AS mine (user_id, revision)
				SELECT $1, ` + clockRevision + `
				WHERE  EXISTS (SELECT FROM meant)
				ON CONFLICT (user_id) DO UPDATE
				SET    revision = ` + laterRevision + `
				WHERE  mine.` + isOpen + `
				RETURNING revision, clock_timestamp() AS at
			)`

// nextFloor is nextRevision for a statement that removes a row. No client that has not
// read the account since can learn of that, so all of them have to start again.
const nextFloor = `bumped AS (
				INSERT INTO todo_account AS mine (user_id, revision)
				SELECT $1, ` + clockRevision + `
				WHERE  EXISTS (SELECT FROM meant)
				ON CONFLICT (user_id) DO UPDATE
				SET    revision = ` + laterRevision + `,
				       floor    = ` + laterRevision + `
				WHERE  mine.` + isOpen + `
				RETURNING revision
			)`

// currentEpoch is an account's epoch on this timeline of the database. PostgreSQL begins
// another timeline when a standby takes over, and when a backup is restored to a point in
// time. Either may take back what clients have seen, be it acknowledged or not: a primary
// shows a commit that its synchronous standby lacks when the wait for that is canceled.
// On a standby it is the account's alone.
const currentEpoch = `account.epoch # (
				SELECT CASE WHEN pg_is_in_recovery() THEN 0
				       ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer END)`

// lockAccount locks an owner's account until the transaction ends, and makes it if need
// be. PostgreSQL locks the row also where the condition keeps it from being updated.
func (s *Store) lockAccount(ctx context.Context, owner todo.UserID) error {
	return s.run(ctx, database.Statement{
		Name: "lock account",
		SQL: `
			INSERT INTO todo_account AS mine (user_id, revision)
			VALUES ($1, ` + clockRevision + `)
			ON CONFLICT (user_id) DO UPDATE
			SET    revision = mine.revision
			WHERE  false`,
		Args:       []any{owner.String()},
		Owner:      owner.String(),
		Idempotent: true,
		Read:       ignoreRows,
	})
}

// Heads returns how far the accounts of owners are. Those without an account are left
// out, and those whose todos are elsewhere: who watches them reads, and is told.
func (s *Store) Heads(ctx context.Context, owners []todo.UserID) (map[todo.UserID]todo.Head, error) {
	byID, ids := make(map[string]todo.UserID, len(owners)), make([]string, len(owners))
	for i, owner := range owners {
		ids[i] = owner.String()
		byID[ids[i]] = owner
	}
	heads := make(map[todo.UserID]todo.Head, len(owners))
	var id string
	var head todo.Head
	err := s.run(ctx, database.Statement{
		Name: "get heads",
		SQL: `
			SELECT user_id, ` + currentEpoch + `, revision
			FROM   todo_account AS account
			WHERE  user_id = ANY ($1::text[])
			  AND  ` + isHere,
		Args:  []any{ids},
		Alone: true,
		Read: func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&id, &head.Epoch, &head.Revision}, func() error {
				heads[byID[id]] = head
				return nil
			})
			return err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: heads of %d accounts: %w", len(owners), err)
	}
	return heads, nil
}

// eraseBatch is how many todos one statement of EraseUser removes.
const eraseBatch = 1000

// EraseUser removes all that is kept of a user, and returns how many todos there were.
// Clients that sync start again, and find nothing. What the user does meanwhile may stay.
// It fails with [todo.ErrMoving] while the account is sealed, and may have removed some.
func (s *Store) EraseUser(ctx context.Context, owner todo.UserID) (total int, err error) {
	total, err = untilNone(func() (int, error) { return s.eraseTodos(ctx, owner) })
	if errors.Is(err, todo.ErrMoving) {
		err = cmp.Or(s.checkErased(ctx, owner), err)
	}
	if err != nil {
		return total, err
	}
	err = s.run(ctx, database.Statement{ // A new account has an epoch of its own.
		Name: "erase account",
		SQL: `
			WITH erased AS (
				DELETE FROM todo_account WHERE user_id = $1 AND ` + isOpen + `
				RETURNING user_id
			)
			DELETE FROM todo_request
			WHERE  user_id = $1
			  AND  (EXISTS (SELECT FROM erased) OR NOT EXISTS (SELECT FROM todo_account WHERE user_id = $1))`,
		Args:       []any{owner.String()},
		Owner:      owner.String(),
		Idempotent: true,
		Read:       ignoreRows,
	})
	if err != nil {
		return total, err
	}
	return total, s.checkErased(ctx, owner)
}

// checkErased fails when an owner's account was not erased, as it is sealed.
func (s *Store) checkErased(ctx context.Context, owner todo.UserID) error {
	sealed, err := s.sealing(ctx, owner)
	switch {
	case err != nil:
		return err
	case sealed == gone:
		return fmt.Errorf("%w: the user was moved to another database, and is to be erased there", errMoving("erase account"))
	case sealed != open:
		return fmt.Errorf("%w: finish the move, or abort it, first, and erase the user where they are then", errMoving("erase account"))
	}
	return nil
}

// eraseTodos removes some of an owner's todos, and returns how many.
func (s *Store) eraseTodos(ctx context.Context, owner todo.UserID) (int, error) {
	return s.countUnlessSealed(ctx, database.Statement{
		Name: "erase todos",
		SQL: `
			WITH meant AS (
				SELECT   revision
				FROM     todo
				WHERE    user_id = $1
				ORDER BY revision
				LIMIT    $2
			), ` + nextFloor + `, changed AS (
				DELETE FROM todo
				USING  bumped
				WHERE  user_id = $1
				  AND  todo.revision <= (SELECT max(revision) FROM meant)
				RETURNING todo.id
			)
			SELECT ` + howMany + ` FROM changed`,
		Args:       []any{owner.String(), eraseBatch},
		Owner:      owner.String(),
		Idempotent: true,
		Alone:      true,
	})
}

// epochBatch is how many accounts one statement of RenewEpochs renews.
const epochBatch = 1000

// RenewEpochs gives every account another epoch, so that all clients that sync start
// again, and returns how many accounts there are. It is for a database that may have
// lost changes that clients know of, as after a restore. The account of a user who leaves
// gets one too: it may be opened again. Those of users who are elsewhere keep theirs: it
// tells where a move goes on.
func (s *Store) RenewEpochs(ctx context.Context) (total int, err error) {
	for after := ""; ; {
		var renewed []string
		err := s.run(ctx, database.Statement{
			Name: "renew epochs",
			SQL: `
				WITH following AS (
					SELECT   user_id
					FROM     todo_account
					WHERE    user_id > $1
					  AND    ` + isHere + `
					ORDER BY user_id
					LIMIT    $2
					FOR NO KEY UPDATE
				), renewed AS (
					UPDATE todo_account AS account
					SET    epoch = ((account.epoch::bigint + 1 + floor(random() * 2147483646)::bigint) % 2147483647)::integer
					FROM   following
					WHERE  account.user_id = following.user_id
					RETURNING account.user_id
				)
				SELECT user_id FROM renewed ORDER BY user_id`,
			Args:       []any{after, epochBatch},
			Owner:      everyone,
			Idempotent: true,
			Alone:      true,
			Read: func(rows pgx.Rows) (err error) {
				renewed, err = pgx.CollectRows(rows, pgx.RowTo[string])
				return err
			},
		})
		if err != nil || len(renewed) == 0 {
			return total, err
		}
		total += len(renewed)
		after = renewed[len(renewed)-1] // The last in the database's order.
	}
}

// ignoreRows reads what a statement returns, and keeps nothing.
func ignoreRows(rows pgx.Rows) error {
	rows.Close()
	return rows.Err()
}
