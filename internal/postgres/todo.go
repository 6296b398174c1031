package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/todo"
)

// UpdateTodo implements [todo.Store]. Times that an old table may have and the
// schema's checks don't allow are brought to what callers were told of them, as
// the checks look at each row that is changed.
func (s *Store) UpdateTodo(ctx context.Context, owner todo.UserID, id todo.ID, change todo.Change) (todo.Todo, error) {
	return one(s.rows(ctx, work{operation: "update todo", effect: mutating, writer: owner}, `
		UPDATE todo
		SET    title        = COALESCE($3::text, title),
		       description  = CASE WHEN $4::text IS NULL THEN description ELSE NULLIF($4, '') END,
		       is_completed = COALESCE($5::boolean, is_completed),
		       created_at   = LEAST(GREATEST(created_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59.999999+00'),
		       updated_at   = GREATEST(clock_timestamp(), LEAST(updated_at, '9999-12-31 23:59:59.999998+00') + INTERVAL '1 microsecond')
		WHERE  user_id = $1
		  AND  id = $2
		RETURNING id, title, COALESCE(description, ''), is_completed, created_at, updated_at`,
		owner.String(), uuidParam(id), change.Title, change.Description, change.IsCompleted))
}

// DeleteTodo implements [todo.Store].
func (s *Store) DeleteTodo(ctx context.Context, owner todo.UserID, id todo.ID) error {
	w := work{operation: "delete todo", effect: mutating, writer: owner}
	return s.run(ctx, w, func(ctx context.Context, conn *pgx.Conn) error {
		result, err := conn.Exec(ctx, `
			DELETE FROM todo
			WHERE  user_id = $1
			  AND  id = $2`,
			owner.String(), uuidParam(id))
		if err != nil {
			return err
		}
		if result.RowsAffected() == 0 {
			return pgx.ErrNoRows
		}
		return nil
	})
}

// uuidParam returns an id as the driver takes it in every mode.
func uuidParam(id todo.ID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }
