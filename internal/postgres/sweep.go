package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

const (
	// emptyBatch is how many todos one statement of EmptyTrash deletes: a thousand
	// take some 30 ms, during which the owner's other writes wait.
	emptyBatch = 1000

	// sweepBatch is how many todos one statement of Sweep removes.
	sweepBatch = 500

	// everyone stands for the owner where a write is for many.
	everyone = "everyone"
)

// EmptyTrash implements [todo.Store].
func (s *Store) EmptyTrash(ctx context.Context, owner todo.UserID) error {
	if s.config.TrashRetention == 0 {
		return todo.ErrNoTrash
	}
	for {
		n, err := s.emptySome(ctx, owner)
		if err != nil || n < emptyBatch {
			return err
		}
	}
}

// emptySome deletes permanently what was in the trash longest, and returns how many
// todos that were.
func (s *Store) emptySome(ctx context.Context, owner todo.UserID) (int, error) {
	return s.count(ctx, database.Statement{
		Name: "empty trash",
		SQL: `
			WITH meant AS (
				SELECT   deleted_at
				FROM     todo
				WHERE    user_id = $1
				  AND    deleted_at IS NOT NULL
				  AND    NOT purged
				ORDER BY deleted_at
				LIMIT    $2
			), ` + nextRevision + `
			UPDATE todo
			SET    ` + purgedNow + `
			FROM   bumped
			WHERE  user_id = $1
			  AND  deleted_at <= (SELECT max(deleted_at) FROM meant)
			  AND  NOT purged
			RETURNING todo.id`,
		Args:  []any{owner.String(), emptyBatch},
		Owner: owner.String(),
		Alone: true,
	})
}

// Sweep removes todos that were deleted longer ago than the trash's retention, in small
// batches, and returns how many. Any number of processes may sweep at once. Without a
// trash it removes nothing.
func (s *Store) Sweep(ctx context.Context) (total int, err error) {
	if s.config.TrashRetention == 0 {
		return 0, nil
	}
	for {
		n, err := s.sweepSome(ctx)
		total += n
		if err != nil || n < sweepBatch {
			return total, err
		}
	}
}

// sweepSome removes a batch of todos, by the database's clock. It locks their owners'
// accounts first, as every write does, but waits for none: what it leaves is
// found by a later sweep. A todo that has been restored since the statement began is
// looked at again when it is locked, and stays.
func (s *Store) sweepSome(ctx context.Context) (int, error) {
	return s.count(ctx, database.Statement{
		Name: "sweep trash",
		SQL: `
			WITH old AS (
				SELECT   id, user_id
				FROM     todo
				WHERE    deleted_at < now() - make_interval(secs => $1)
				ORDER BY deleted_at
				LIMIT    $2
			), locked AS (
				SELECT user_id
				FROM   todo_account
				WHERE  user_id IN (SELECT user_id FROM old)
				FOR NO KEY UPDATE SKIP LOCKED
			), removed AS (
				DELETE FROM todo
				USING  old, locked
				WHERE  todo.user_id = locked.user_id
				  AND  todo.user_id = old.user_id
				  AND  todo.id = old.id
				  AND  todo.deleted_at < now() - make_interval(secs => $1)
				RETURNING todo.user_id, todo.revision
			), floors AS (
				UPDATE todo_account AS account
				SET    floor = GREATEST(floor, last.revision)
				FROM   (SELECT user_id, max(revision) AS revision FROM removed GROUP BY user_id) AS last
				WHERE  account.user_id = last.user_id
			)
			SELECT user_id FROM removed`,
		Args:       []any{s.config.TrashRetention.Seconds(), sweepBatch},
		Owner:      everyone,
		Idempotent: true,
		Alone:      true,
		MaxRows:    sweepBatch,
	})
}

// count runs a statement and returns how many rows come back.
func (s *Store) count(ctx context.Context, statement database.Statement) (n int, err error) {
	statement.Read = func(rows pgx.Rows) error {
		n = 0
		for rows.Next() {
			n++
		}
		return rows.Err()
	}
	return n, s.run(ctx, statement)
}
