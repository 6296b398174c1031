package postgres

import (
	"context"
	"errors"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// DeleteTodo implements [todo.Store].
func (s *Store) DeleteTodo(ctx context.Context, owner todo.UserID, id todo.ID, deletion todo.Deletion) error {
	_, err := s.deleteTodo(ctx, owner, id, deletion)
	return err
}

// deleteTodo is DeleteTodo, and returns the deleted todo.
func (s *Store) deleteTodo(ctx context.Context, owner todo.UserID, id todo.ID, deletion todo.Deletion) (todo.Todo, error) {
	statement := database.Statement{
		Args:  []any{owner.String(), uuidParam(id), versionParam(deletion.If)},
		Owner: owner.String(),
	}
	which := finder{s.GetTodo, traces.hasAlive}
	switch {
	case s.config.TrashRetention == 0:
		statement.Name = "remove todo"
		statement.SQL = `
			WITH meant AS (
				SELECT FROM todo WHERE ` + alive + `
			), ` + nextFloor + `
			DELETE FROM todo
			USING  bumped
			WHERE  ` + alive + `
			RETURNING ` + columns
	case deletion.Permanently:
		statement.Name, which = "purge todo", finder{s.findTodo, traces.hasKept}
		statement.SQL = `
			WITH meant AS (
				SELECT FROM todo WHERE ` + unpurged + `
			), ` + nextRevision + `
			UPDATE todo
			SET    ` + purgedNow + `
			FROM   bumped
			WHERE  ` + unpurged + `
			RETURNING ` + columns
	default:
		statement.Name = "delete todo"
		statement.SQL = `
			WITH meant AS (
				SELECT FROM todo WHERE ` + alive + `
			), ` + nextRevision + `
			UPDATE todo
			SET    deleted_at = bumped.at,
			       revision   = bumped.revision,` + changedTimes + `
			FROM   bumped
			WHERE  ` + alive + `
			RETURNING ` + columns
	}
	return s.todoIf(ctx, deletion.If, which, owner, id, statement)
}

// unpurged is the condition for one of an owner's todos, in the trash or not, that has a
// version if that is not NULL.
const unpurged = `
			       user_id = $1
			  AND  id = $2
			  AND  NOT purged
			  AND  COALESCE(COALESCE(updated_at, '-infinity') = $3::timestamptz, true)`

// purgedNow deletes a todo for good, and keeps its row for clients that sync.
const purgedNow = `title = 'deleted', description = NULL, purged = true,
			       due_date = NULL, due_time = NULL, due_time_zone = NULL, due_at = NULL,
			       priority = NULL, tags = NULL, position = NULL,
			       deleted_at   = bumped.at,
			       revision     = bumped.revision,` + changedTimes

// findTodo returns a todo that may be in the trash. It fails with [todo.ErrNotFound].
func (s *Store) findTodo(ctx context.Context, owner todo.UserID, id todo.ID) (todo.Todo, error) {
	return s.found(ctx, owner, id, database.Statement{
		Name: "find todo",
		SQL: `
			SELECT ` + columns + `
			FROM   todo
			WHERE  user_id = $1
			  AND  id = $2
			  AND  NOT purged`,
		Args: []any{owner.String(), uuidParam(id)},
	}, traces.hasKept)
}

// UndeleteTodo implements [todo.Store].
func (s *Store) UndeleteTodo(ctx context.Context, owner todo.UserID, id todo.ID, version todo.Version) (todo.Todo, error) {
	if s.config.TrashRetention == 0 {
		return todo.Todo{}, todo.ErrNoTrash
	}
	const inTrash = `
			       deleted_at IS NOT NULL
			  AND  ` + unpurged
	undelete := database.Statement{
		Name: "undelete todo",
		SQL: `
			WITH meant AS (
				SELECT FROM todo WHERE ` + inTrash + `
			), ` + nextRevision + `
			UPDATE todo
			SET    deleted_at = NULL,
			       revision   = bumped.revision,` + changedTimes + `
			FROM   bumped
			WHERE  ` + inTrash + `
			RETURNING ` + columns,
		Args:  []any{owner.String(), uuidParam(id), versionParam(version)},
		Owner: owner.String(),
	}
	var current todo.Todo
	for range attempts { // It may come to the trash between the two statements.
		restored, err := s.todo(ctx, undelete)
		if !errors.Is(err, todo.ErrNotFound) {
			return restored, err
		}
		if _, err := s.lookAgain(ctx, owner, id, version, undelete.Name, traces.hasKept); err != nil {
			return todo.Todo{}, err
		}
		current, err = s.findTodo(ctx, owner, id)
		switch {
		case err != nil:
			return todo.Todo{}, err
		case version.Valid && version != current.Version:
			return todo.Todo{}, &todo.ConflictError{Current: current}
		case current.DeletedAt.IsZero():
			return current, nil // It was not in the trash.
		}
	}
	return todo.Todo{}, &todo.ConflictError{Current: current}
}

// listTrash returns a page of what is in the trash.
func (s *Store) listTrash(ctx context.Context, owner todo.UserID, query todo.Query) (todo.Page, error) {
	return s.page(ctx, query, database.Statement{
		Name: "list trash",
		SQL: `
			SELECT   ` + columns + `
			FROM     todo
			WHERE    user_id = $1
			  AND    (deleted_at, id) < ($2, $3)
			  AND    COALESCE(is_completed = $4::boolean, true)
			  AND    deleted_at IS NOT NULL
			  AND    NOT purged
			ORDER BY deleted_at DESC, id DESC
			LIMIT    $5`,
		Args: pageArgs(owner, query),
	})
}
