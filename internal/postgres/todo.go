package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/todo"
)

// CreateTodo implements [todo.Store]. The draft has to have an ID, as the
// service makes it.
//
// A repetition has to see the row that it repeats, also one that a transaction
// beside it has only just committed. DO UPDATE does: it waits for that
// transaction, locks the row as it is then, and compares. DO NOTHING followed
// by a SELECT would look for the row in the statement's snapshot, which is
// older. What the update writes is what is there already.
func (s *Store) CreateTodo(ctx context.Context, owner todo.UserID, draft todo.Draft) (todo.Todo, error) {
	const operation = "create todo"
	if draft.ID == nil {
		return todo.Todo{}, fmt.Errorf("postgres: %s: the draft has no id", operation)
	}
	if s.maxTodos > 0 {
		return s.createWithin(ctx, operation, owner, draft)
	}
	created, err := one(s.rows(ctx, idempotent, operation, `
		INSERT INTO todo (user_id, id, title, description)
		VALUES           ($1, $2, $3, NULLIF($4, ''))
		ON CONFLICT (id) DO UPDATE
		SET   id = EXCLUDED.id
		WHERE todo.user_id = EXCLUDED.user_id
		  AND todo.title = EXCLUDED.title
		  AND todo.description IS NOT DISTINCT FROM EXCLUDED.description
		RETURNING id, title, COALESCE(description, ''), false, created_at, created_at`,
		owner.String(), uuidParam(*draft.ID), draft.Title, draft.Description))
	if errors.Is(err, todo.ErrNotFound) {
		// Neither inserted nor the same.
		return todo.Todo{}, todo.ErrAlreadyExists
	}
	return created, err
}

// createWithin is CreateTodo with a bound on the owner's todos.
//
// The count stops at the bound, so that it costs no more than that, and its
// order makes it walk the index instead of looking for the owner's rows among
// all. An owner who has the todo already is at a repetition, which needs no
// room. Whether anybody else has the id is not looked at before there is room:
// an owner without any learns that and nothing else.
func (s *Store) createWithin(ctx context.Context, operation string, owner todo.UserID, draft todo.Draft) (todo.Todo, error) {
	var isLeft bool
	var id pgtype.UUID // Not valid when neither inserted nor the same.
	var title, description pgtype.Text
	var createdAt pgtype.Timestamptz
	err := s.run(ctx, idempotent, operation, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `
			WITH room AS (
				SELECT EXISTS (SELECT FROM todo WHERE user_id = $1 AND id = $2)
				    OR (SELECT count(*) < $5
				        FROM   (SELECT   FROM todo
				                WHERE    user_id = $1
				                ORDER BY created_at DESC, id DESC
				                LIMIT    $5) AS counted) AS is_left
			), made AS (
				INSERT INTO todo (user_id, id, title, description)
				SELECT $1, $2, $3, NULLIF($4, '')
				FROM   room
				WHERE  is_left
				ON CONFLICT (id) DO UPDATE
				SET   id = EXCLUDED.id
				WHERE todo.user_id = EXCLUDED.user_id
				  AND todo.title = EXCLUDED.title
				  AND todo.description IS NOT DISTINCT FROM EXCLUDED.description
				RETURNING id, title, description, created_at
			)
			SELECT is_left, id, title, description, created_at
			FROM   room LEFT JOIN made ON true`,
			owner.String(), uuidParam(*draft.ID), draft.Title, draft.Description, s.maxTodos,
		).Scan(&isLeft, &id, &title, &description, &createdAt)
	})
	switch {
	case err != nil:
		return todo.Todo{}, err
	case !isLeft:
		return todo.Todo{}, todo.ErrTooMany
	case !id.Valid:
		return todo.Todo{}, todo.ErrAlreadyExists
	}
	at := createdAt.Time.UTC()
	return todo.Todo{ID: id.Bytes, Title: title.String, Description: description.String, CreatedAt: at, UpdatedAt: at}, nil
}

// UpdateTodo implements [todo.Store].
func (s *Store) UpdateTodo(ctx context.Context, owner todo.UserID, id todo.ID, change todo.Change) (todo.Todo, error) {
	return one(s.rows(ctx, mutating, "update todo", `
		UPDATE todo
		SET    title        = COALESCE($3::text, title),
		       description  = CASE WHEN $4::text IS NULL THEN description ELSE NULLIF($4, '') END,
		       is_completed = COALESCE($5::boolean, is_completed),
		       updated_at   = GREATEST(clock_timestamp(), updated_at + INTERVAL '1 microsecond')
		WHERE  user_id = $1
		  AND  id = $2
		RETURNING id, title, COALESCE(description, ''), is_completed, created_at, updated_at`,
		owner.String(), uuidParam(id), change.Title, change.Description, change.IsCompleted))
}

// DeleteTodo implements [todo.Store].
func (s *Store) DeleteTodo(ctx context.Context, owner todo.UserID, id todo.ID) error {
	return s.run(ctx, mutating, "delete todo", func(ctx context.Context, conn *pgx.Conn) error {
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
