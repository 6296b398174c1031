package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// maxKept is how many rows an owner may have for each todo, with those that were deleted
// permanently and are kept for clients that sync. Who creates and deletes without end
// would fill the disk.
const maxKept = 10

// checkRoom fails with [todo.ErrTooMany] when an owner has as many todos as an owner
// may have. One who has the todo already is at a repetition, which needs no room.
// Whether anybody else has the id is not looked at: an owner without room does not
// learn it.
//
// The trash counts, but for what was deleted permanently. Each count stops at the bound,
// so that it costs no more than that, and its order makes it walk the index instead of
// looking for the owner's rows among all.
func (s *Store) checkRoom(ctx context.Context, owner todo.UserID, id todo.ID) error {
	if s.config.MaxTodos == 0 {
		return nil
	}
	var isLeft bool
	err := s.run(ctx, database.Statement{
		Name: "check for room",
		SQL: `
			SELECT EXISTS (SELECT FROM todo WHERE user_id = $1 AND id = $2)
			    OR (SELECT count(*) < $3
			        FROM   ((SELECT   FROM todo
			                 WHERE    user_id = $1 AND deleted_at IS NULL
			                 ORDER BY created_at DESC, id DESC
			                 LIMIT    $3)
			                UNION ALL
			                (SELECT   FROM todo
			                 WHERE    user_id = $1 AND deleted_at IS NOT NULL AND NOT purged
			                 ORDER BY deleted_at DESC, id DESC
			                 LIMIT    $3)) AS counted)
			   AND (SELECT count(*) < $4
			        FROM   (SELECT   FROM todo
			                WHERE    user_id = $1
			                ORDER BY revision, id
			                LIMIT    $4) AS kept)`,
		Args:  []any{owner.String(), uuidParam(id), s.config.MaxTodos, maxKept * s.config.MaxTodos},
		Alone: true, // It counts the owner's todos.
		Read: func(rows pgx.Rows) (err error) {
			isLeft, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
			return err
		},
	})
	if err == nil && !isLeft {
		return todo.ErrTooMany
	}
	return err
}
