package postgres

import (
	"context"
	"fmt"

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
				INSERT INTO account AS mine (user_id, revision)
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
			INSERT INTO account (user_id, revision)
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
		SQL:   `SELECT user_id, epoch, revision FROM account WHERE user_id = ANY ($1::text[])`,
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

// ignoreRows reads what a statement returns, and keeps nothing.
func ignoreRows(rows pgx.Rows) error {
	rows.Close()
	return rows.Err()
}
