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
	created, err := s.row(ctx, idempotent, operation, `
		INSERT INTO todo (user_id, id, title, description)
		VALUES           ($1, $2, $3, NULLIF($4, ''))
		ON CONFLICT (id) DO UPDATE
		SET   id = EXCLUDED.id
		WHERE todo.user_id = EXCLUDED.user_id
		  AND todo.title = EXCLUDED.title
		  AND todo.description IS NOT DISTINCT FROM EXCLUDED.description
		RETURNING id, title, COALESCE(description, ''), false, created_at, created_at`,
		owner.String(), uuidParam(*draft.ID), draft.Title, draft.Description)
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

// GetTodo implements [todo.Store].
func (s *Store) GetTodo(ctx context.Context, owner todo.UserID, id todo.ID) (todo.Todo, error) {
	return s.row(ctx, idempotent, "get todo", `
		SELECT id, title, COALESCE(description, ''), is_completed, created_at, updated_at
		FROM   todo
		WHERE  user_id = $1
		  AND  id = $2`,
		owner.String(), uuidParam(id))
}

// ListTodos implements [todo.Store]. The query's size has to be at least 1, as
// the service makes it.
func (s *Store) ListTodos(ctx context.Context, owner todo.UserID, query todo.Query) (todo.Page, error) {
	const operation = "list todos"
	if query.Size < 1 {
		return todo.Page{}, fmt.Errorf("postgres: %s: page size %d", operation, query.Size)
	}
	// Two things keep each page on ix_todo_user_id_created_at, whatever the
	// parameters and the statistics. The first page starts after infinity: a
	// condition that may be absent could not be one of the index's in a plan
	// made for all parameters. And COALESCE, besides NULL for no filter, hides
	// from the planner that a filter may be rare: it would rather read and sort
	// all of the owner's todos for each page.
	createdAt := pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}
	var id todo.ID
	if query.After != nil {
		createdAt = pgtype.Timestamptz{Time: query.After.CreatedAt, Valid: true}
		id = query.After.ID
	}

	var todos []todo.Todo
	err := s.run(ctx, idempotent, operation, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT   id, title, COALESCE(description, ''), is_completed, created_at, updated_at
			FROM     todo
			WHERE    user_id = $1
			  AND    (created_at, id) < ($2, $3)
			  AND    COALESCE(is_completed = $4::boolean, true)
			ORDER BY created_at DESC, id DESC
			LIMIT    $5`,
			owner.String(), createdAt, uuidParam(id), query.IsCompleted, query.Size+1)
		if err != nil {
			return err
		}
		todos, err = pgx.CollectRows(rows, scanTodo)
		return err
	})
	if err != nil {
		return todo.Page{}, err
	}
	if len(todos) <= query.Size {
		return todo.Page{Todos: todos}, nil
	}
	todos = todos[:query.Size]
	last := todos[len(todos)-1]
	return todo.Page{Todos: todos, Next: &todo.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}}, nil
}

// UpdateTodo implements [todo.Store].
func (s *Store) UpdateTodo(ctx context.Context, owner todo.UserID, id todo.ID, change todo.Change) (todo.Todo, error) {
	return s.row(ctx, mutating, "update todo", `
		UPDATE todo
		SET    title        = COALESCE($3::text, title),
		       description  = CASE WHEN $4::text IS NULL THEN description ELSE NULLIF($4, '') END,
		       is_completed = COALESCE($5::boolean, is_completed),
		       updated_at   = GREATEST(clock_timestamp(), updated_at + INTERVAL '1 microsecond')
		WHERE  user_id = $1
		  AND  id = $2
		RETURNING id, title, COALESCE(description, ''), is_completed, created_at, updated_at`,
		owner.String(), uuidParam(id), change.Title, change.Description, change.IsCompleted)
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

// row runs a statement that returns one todo, or none when there is no such
// todo of the owner's.
func (s *Store) row(ctx context.Context, e effect, operation, sql string, args ...any) (todo.Todo, error) {
	var t todo.Todo
	err := s.run(ctx, e, operation, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		t, err = pgx.CollectOneRow(rows, scanTodo)
		return err
	})
	if err != nil {
		return todo.Todo{}, err // A row may have come before the commit failed.
	}
	return t, nil
}

// scanTodo reads a row of id, title, description, is_completed, created_at and
// updated_at.
func scanTodo(row pgx.CollectableRow) (todo.Todo, error) {
	var t todo.Todo
	err := row.Scan((*[16]byte)(&t.ID), &t.Title, &t.Description, &t.IsCompleted, &t.CreatedAt, &t.UpdatedAt)
	t.CreatedAt, t.UpdatedAt = t.CreatedAt.UTC(), t.UpdatedAt.UTC()
	return t, err
}

// uuidParam returns an id as the driver takes it in every mode.
func uuidParam(id todo.ID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }
