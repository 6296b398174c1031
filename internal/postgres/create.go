package postgres

import (
	"context"
	"errors"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// CreateTodo implements [todo.Store]. The draft has to have an ID, as the
// service makes it.
//
// A create that meets a todo of its id is answered by what is there now. ON CONFLICT
// waits for a transaction beside it that makes that todo, or changes it, and only a
// further statement sees what that has committed.
func (s *Store) CreateTodo(ctx context.Context, owner todo.UserID, draft todo.Draft) (todo.Todo, error) {
	if draft.ID == nil {
		return todo.Todo{}, errNoID
	}
	if err := s.checkRoom(ctx, owner, *draft.ID); err != nil {
		return todo.Todo{}, err
	}
	statement := createPlain(owner, draft)
	if draft.HasDetails() {
		var err error
		if statement, err = createDetailed(owner, draft); err != nil {
			return todo.Todo{}, err
		}
	}
	statement.Owner = owner.String()
	statement.Idempotent = true // It names the id of what it makes.
	for range attempts {
		created, err := s.todo(ctx, statement)
		if !errors.Is(err, todo.ErrNotFound) {
			return created, err
		}
		there, err := s.findCreated(ctx, owner, *draft.ID)
		switch {
		case err == nil && (there.IsPurged || !draft.Describes(there)):
			return todo.Todo{}, todo.ErrAlreadyExists
		case err == nil:
			return draft.Created(there.CreatedAt), nil
		case !errors.Is(err, todo.ErrNotFound):
			return todo.Todo{}, err
		}
		if err := s.whyNotCreated(ctx, owner, *draft.ID); err != nil {
			return todo.Todo{}, err
		}
	}
	return todo.Todo{}, todo.ErrAlreadyExists // Others take the id, and leave it, again and again.
}

// createPlain is the statement for a draft without details, as most are. It is a text of its
// own: the columns that it does not name cost nothing.
func createPlain(owner todo.UserID, draft todo.Draft) database.Statement {
	return database.Statement{
		Name: "create todo",
		SQL: `
			WITH ` + meantToCreate + `, ` + nextRevision + `
			INSERT INTO todo (user_id, id, title, description, created_at, revision, updated_at)
			SELECT $1, $2, $3, NULLIF($4, ''), bumped.at, bumped.revision, bumped.at
			FROM   bumped
			ON CONFLICT (id) DO NOTHING
			RETURNING ` + columns,
		Args: []any{owner.String(), uuidParam(*draft.ID), draft.Title, draft.Description},
	}
}

// createDetailed is the statement for any draft.
func createDetailed(owner todo.UserID, draft todo.Draft) (database.Statement, error) {
	dueAt, err := dueAtParam(draft.Due)
	if err != nil {
		return database.Statement{}, err
	}
	return database.Statement{
		Name: "create todo",
		SQL: `
			WITH ` + meantToCreate + `, ` + nextRevision + `
			INSERT INTO todo (user_id, id, title, description, created_at, revision, updated_at,
			                  due_date, due_time, due_time_zone, due_at, priority, tags, position)
			SELECT $1, $2, $3, NULLIF($4, ''), bumped.at, bumped.revision, bumped.at,
			       NULLIF($5::text, '')::date, NULLIF($6::text, '')::time, NULLIF($7::text, ''), $8::timestamptz,
			       NULLIF($9::smallint, 0), NULLIF($10::text::jsonb, '{}'), NULLIF($11::text, '')
			FROM   bumped
			ON CONFLICT (id) DO NOTHING
			RETURNING ` + columns,
		Args: []any{
			owner.String(), uuidParam(*draft.ID), draft.Title, draft.Description,
			draft.Due.Date, draft.Due.Time, draft.Due.Zone, dueAt,
			int32(draft.Priority), tagsParam(draft.Tags), draft.Position,
		},
	}, nil
}

// meantToCreate has a row unless somebody's todo has the id.
const meantToCreate = `meant AS (
				SELECT WHERE NOT EXISTS (SELECT FROM todo WHERE id = $2)
			)`

// findCreated returns the todo that a create has met, which may be deleted. It locks the
// row, as a write does, so that it answers no sooner than a commit that waits for a
// synchronous standby: an earlier attempt of the same create may have made the row and
// still lack that standby.
// It is the one lock of a todo that is taken without the account's: should it meet a sweep
// that removes the very todo, lock_timeout ends one of them.
func (s *Store) findCreated(ctx context.Context, owner todo.UserID, id todo.ID) (todo.Todo, error) {
	return s.todo(ctx, database.Statement{
		Name: "find created todo",
		SQL: `
			SELECT ` + columns + `
			FROM   todo
			WHERE  user_id = $1
			  AND  id = $2
			FOR KEY SHARE`,
		Args:       []any{owner.String(), uuidParam(id)},
		Owner:      owner.String(),
		Idempotent: true,
	})
}
