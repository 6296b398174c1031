package postgres

import (
	"cmp"
	"context"
	"time"

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

	// everyone stands for the owner where a write is for many. No user id has a NUL.
	everyone = "everyone\x00"
)

// EmptyTrash implements [todo.Store].
func (s *Store) EmptyTrash(ctx context.Context, owner todo.UserID) error {
	if s.config.TrashRetention == 0 {
		return todo.ErrNoTrash
	}
	if _, err := untilNone(func() (int, error) { return s.emptySome(ctx, owner) }); err != nil {
		return err
	}
	// None are left here; the owner may have been moved with some.
	return s.checkOpen(ctx, owner, "empty trash")
}

// emptySome deletes permanently what was in the trash longest, and returns how many
// todos that were.
func (s *Store) emptySome(ctx context.Context, owner todo.UserID) (int, error) {
	return s.countUnlessSealed(ctx, database.Statement{
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
			), ` + nextRevision + `, changed AS (
				UPDATE todo
				SET    ` + purgedNow + `
				FROM   bumped
				WHERE  user_id = $1
				  AND  deleted_at <= (SELECT max(deleted_at) FROM meant)
				  AND  NOT purged
				RETURNING todo.id
			)
			SELECT ` + howMany + ` FROM changed`,
		Args:  []any{owner.String(), emptyBatch},
		Owner: owner.String(),
		Alone: true,
	})
}

// leftTrashRetention is how long deleted todos are kept where there is no trash. While it
// is switched on or off, other processes still have one.
const leftTrashRetention = 24 * time.Hour

// Sweep removes todos that were deleted longer ago than the trash's retention, in small
// batches, and returns how many. Any number of processes may sweep at once.
func (s *Store) Sweep(ctx context.Context) (total int, err error) {
	for at := new(todo.Cursor); at != nil; {
		var removed int
		removed, at, err = s.sweepSome(ctx, *at)
		if total += removed; err != nil {
			return total, err
		}
	}
	return total, nil
}

// sweepSome looks at a batch of old trash behind a position, removes what it can, and
// returns the position of the next batch, if there may be one. It locks the owners'
// accounts first, as every write does, but waits for none: what it passes by is found by
// a later sweep. So is what belongs to a sealed account. A todo that has been restored
// since the statement began is looked at again when it is locked, and stays.
func (s *Store) sweepSome(ctx context.Context, after todo.Cursor) (removed int, next *todo.Cursor, err error) {
	var looked int
	var last todo.Cursor
	err = s.run(ctx, database.Statement{
		Name: "sweep trash",
		SQL: `
			WITH old AS (
				SELECT   id, user_id, deleted_at
				FROM     todo
				WHERE    deleted_at < now() - make_interval(secs => $1)
				  AND    (deleted_at, id) > ($3, $4)
				ORDER BY deleted_at, id
				LIMIT    $2
			), locked AS (
				SELECT user_id
				FROM   todo_account
				WHERE  user_id IN (SELECT user_id FROM old)
				  AND  ` + isOpen + `
				FOR NO KEY UPDATE SKIP LOCKED
			), removed AS (
				DELETE FROM todo
				USING  old, locked
				WHERE  todo.user_id = locked.user_id
				  AND  todo.user_id = old.user_id
				  AND  todo.id = old.id
				  AND  todo.deleted_at < now() - make_interval(secs => $1)
				RETURNING todo.id, todo.user_id, todo.revision
			), floors AS (
				UPDATE todo_account AS account
				SET    floor = GREATEST(floor, last.revision)
				FROM   (SELECT user_id, max(revision) AS revision FROM removed GROUP BY user_id) AS last
				WHERE  account.user_id = last.user_id
			)
			SELECT   old.deleted_at, old.id, removed.id IS NOT NULL
			FROM     old LEFT JOIN removed ON removed.id = old.id
			ORDER BY old.deleted_at, old.id`,
		Args:       []any{cmp.Or(s.config.TrashRetention, leftTrashRetention).Seconds(), sweepBatch, timeParam(after.At), uuidParam(after.ID)},
		Owner:      everyone,
		Idempotent: true,
		Alone:      true,
		MaxRows:    sweepBatch,
		Read: func(rows pgx.Rows) error {
			defer rows.Close()
			looked, removed = 0, 0
			row := row{rows: rows}
			for row.isNext() {
				looked++
				last.At, last.ID = row.instant(), row.id()
				if row.flag() {
					removed++
				}
			}
			return row.end()
		},
	})
	if err != nil {
		return 0, nil, err
	}
	if looked == sweepBatch {
		next = &last
	}
	return removed, next, nil
}

// untilNone runs statements that each change some rows, until one finds none, and returns
// how many rows that were in all.
func untilNone(some func() (int, error)) (total int, err error) {
	for {
		n, err := some()
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// howMany is what a statement selects that changes several todos: how many it has changed,
// and whether it took no revision though it found some, as the account is sealed.
const howMany = `count(*), EXISTS (SELECT FROM meant) AND NOT EXISTS (SELECT FROM bumped)`

// countUnlessSealed runs a statement that selects howMany. It fails with [todo.ErrMoving]
// when the account is sealed.
func (s *Store) countUnlessSealed(ctx context.Context, statement database.Statement) (n int, err error) {
	var isSealed bool
	statement.Read = func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&n, &isSealed}, func() error { return nil })
		return err
	}
	err = s.run(ctx, statement)
	if err == nil && isSealed {
		err = errMoving(statement.Name)
	}
	return n, err
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
