package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// nextRevision is the part of a statement's WITH that takes the next revision of the
// owner, $1, if there is a row in `meant`: a call that changes nothing takes none.
//
// The account's row stays locked until the commit, and a commit is visible before its
// locks are gone. So whoever reads an account's revision sees every change up to it.
// Every statement locks the account before any todo.
//
// Revisions follow the clock, so that those after a restore of the database are greater
// than those before, and rise strictly where the clock does not.
const nextRevision = `bumped AS (
				INSERT INTO todo_account AS mine (user_id, revision)
				SELECT $1, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint
				WHERE  EXISTS (SELECT FROM meant)
				ON CONFLICT (user_id) DO UPDATE
				SET    revision = GREATEST(mine.revision + 1, EXCLUDED.revision)
				RETURNING revision, clock_timestamp() AS at
			)`

// addAccount makes an owner's account, unless it is there.
func (s *Store) addAccount(ctx context.Context, owner todo.UserID) error {
	return s.run(ctx, database.Statement{
		Name: "add account",
		SQL: `
			INSERT INTO todo_account (user_id, revision)
			VALUES ($1, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint)
			ON CONFLICT (user_id) DO NOTHING`,
		Args:       []any{owner.String()},
		Owner:      owner.String(),
		Idempotent: true,
		Read:       ignoreRows,
	})
}

// Heads returns how far the accounts of owners are. Those without an account are left
// out.
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
		Name:  "get heads",
		SQL:   `SELECT user_id, epoch, revision FROM todo_account WHERE user_id = ANY ($1::text[])`,
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

// otherEpoch is an epoch that the account does not have.
const otherEpoch = `((account.epoch::bigint + 1 + floor(random() * 2147483646)::bigint) % 2147483647)::integer`

// EraseUser removes all that is kept of a user but an account without todos, and returns
// how many todos there were. Clients that sync start again, and find nothing.
func (s *Store) EraseUser(ctx context.Context, owner todo.UserID) (int, error) {
	return s.count(ctx, database.Statement{
		Name: "erase user",
		SQL: `
			WITH renewed AS (
				INSERT INTO todo_account AS account (user_id, revision)
				VALUES ($1, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint)
				ON CONFLICT (user_id) DO UPDATE
				SET    epoch = ` + otherEpoch + `
				RETURNING epoch
			), requests AS (
				DELETE FROM todo_request WHERE user_id = $1
			)
			DELETE FROM todo
			USING  renewed
			WHERE  user_id = $1
			RETURNING todo.id`,
		Args:       []any{owner.String()},
		Owner:      owner.String(),
		Idempotent: true,
		Alone:      true,
	})
}

// epochBatch is how many accounts one statement of RenewEpochs renews.
const epochBatch = 1000

// RenewEpochs gives every account another epoch, so that all clients that sync start
// again, and returns how many accounts there are. It is for a database that may have
// lost changes that clients know of, as after a restore.
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
					ORDER BY user_id
					LIMIT    $2
					FOR NO KEY UPDATE
				)
				UPDATE todo_account AS account
				SET    epoch = ` + otherEpoch + `
				FROM   following
				WHERE  account.user_id = following.user_id
				RETURNING account.user_id`,
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
		after = slices.Max(renewed)
	}
}

// ignoreRows reads what a statement returns, and keeps nothing.
func ignoreRows(rows pgx.Rows) error {
	rows.Close()
	return rows.Err()
}
