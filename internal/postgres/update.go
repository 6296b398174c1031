package postgres

import (
	"context"
	"errors"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// changedFields sets what every update may change.
const changedFields = `title        = COALESCE($4::text, title),
			       description  = CASE WHEN $5::text IS NULL THEN description ELSE NULLIF($5, '') END,
			       is_completed = COALESCE($6::boolean, is_completed),
			       completed_at = CASE WHEN $6 IS NULL OR $6 AND is_completed THEN completed_at WHEN $6 THEN bumped.at END,
			       revision     = bumped.revision,` + changedTimes

// UpdateTodo implements [todo.Store].
func (s *Store) UpdateTodo(ctx context.Context, owner todo.UserID, id todo.ID, change todo.Change) (todo.Todo, error) {
	if change.HasDetails() {
		return s.updateDetailed(ctx, owner, id, change)
	}
	// A text of its own for most updates: what it does not name costs nothing.
	return s.todoIf(ctx, change.If, finder{s.GetTodo, traces.hasAlive}, owner, id, database.Statement{
		Name: "update todo",
		SQL: `
			WITH meant AS (
				SELECT FROM todo WHERE ` + alive + `
			), ` + nextRevision + `
			UPDATE todo
			SET    ` + changedFields + `
			FROM   bumped
			WHERE  ` + alive + `
			RETURNING ` + columns,
		Args:  []any{owner.String(), uuidParam(id), versionParam(change.If), change.Title, change.Description, change.IsCompleted},
		Owner: owner.String(),
	})
}

// mergeAttempts is how often an update tries that depends on what it has read. Each
// failure is another update of the same todo that has succeeded meanwhile.
const mergeAttempts = 10

// updateDetailed is UpdateTodo for any change.
//
// A part of a due date is merged with the others by the service, which knows time zones.
// Such an update reads the todo, and writes on the condition that nobody has changed it
// since.
func (s *Store) updateDetailed(ctx context.Context, owner todo.UserID, id todo.ID, change todo.Change) (todo.Todo, error) {
	var current todo.Todo
	for range mergeAttempts {
		condition, isMerge := change.If, !change.Due.IsZero() && !change.Due.IsWhole()
		if isMerge {
			var err error
			if current, err = s.currentIf(ctx, owner, id, change.If); err != nil {
				return todo.Todo{}, err
			}
			condition = current.Version
		}
		var due todo.Due // Not written when the change names no part of it.
		if !change.Due.IsZero() {
			var err error
			if due, err = change.Due.Merge(current.Due); err != nil {
				return todo.Todo{}, err
			}
		}
		changed, err := s.writeDetailed(ctx, owner, id, change, due, condition)
		if !errors.Is(err, todo.ErrNotFound) {
			return changed, err
		}
		// The todo is not there, or has another version, or would have too many tags.
		if current, err = s.currentIf(ctx, owner, id, change.If); err != nil {
			return todo.Todo{}, err
		}
		if _, err := change.Tags.Merge(current.Tags); err != nil {
			return todo.Todo{}, err
		}
	}
	return todo.Todo{}, &todo.ConflictError{Current: current}
}

// currentIf returns a todo. It fails with a [todo.ConflictError] when it has not the
// version, if there is one.
func (s *Store) currentIf(ctx context.Context, owner todo.UserID, id todo.ID, version todo.Version) (todo.Todo, error) {
	current, err := s.GetTodo(ctx, owner, id)
	if err == nil && version.Valid && version != current.Version {
		err = &todo.ConflictError{Current: current}
	}
	return current, err
}

// fewTags is the condition for a todo that has no more tags afterwards than it may, if
// the update is of its tags.
const fewTags = `
			  AND  (NOT $18::boolean OR (SELECT count(*) FROM jsonb_object_keys(` + changedTags + `)) <= $16)`

// changedTags are the tags after an update: those that replace them, or that are there,
// but what is removed, and what is added unless it is there. What is no object is none
// of the service's.
const changedTags = `$13::text::jsonb || (COALESCE($14::text::jsonb, CASE WHEN jsonb_typeof(tags) = 'object' THEN tags END, '{}') - $15::text[])`

// writeDetailed writes a change with the due date that it makes, if the todo has a
// version, and few enough tags afterwards. It fails with [todo.ErrNotFound] otherwise, and
// with a [todo.FieldError].
func (s *Store) writeDetailed(
	ctx context.Context, owner todo.UserID, id todo.ID, change todo.Change, due todo.Due, condition todo.Version,
) (todo.Todo, error) {
	dueAt, err := dueAtParam(due)
	switch {
	case errors.Is(err, todo.ErrInvalid) && change.Due.Zone == nil:
		return todo.Todo{}, todo.UnknownZoneOfTodo()
	case err != nil:
		return todo.Todo{}, err
	}
	removed := append([]string{}, todo.FoldTags(change.Tags.Remove)...) // Never NULL, which would remove all.
	written, err := s.todo(ctx, database.Statement{
		Name: "update todo",
		SQL: `
			WITH meant AS (
				SELECT FROM todo WHERE ` + alive + fewTags + `
			), ` + nextRevision + `
			UPDATE todo
			SET    ` + changedFields + `,
			       due_date      = CASE WHEN $7::boolean THEN NULLIF($8::text, '')::date ELSE due_date END,
			       due_time      = CASE WHEN $7 THEN NULLIF($9::text, '')::time ELSE due_time END,
			       due_time_zone = CASE WHEN $7 THEN NULLIF($10::text, '') ELSE due_time_zone END,
			       due_at        = CASE WHEN $7 THEN $11::timestamptz ELSE due_at END,
			       priority      = CASE WHEN $12::smallint IS NULL THEN priority ELSE NULLIF($12, 0) END,
			       tags          = CASE WHEN $18 THEN NULLIF(` + changedTags + `, '{}') ELSE tags END,
			       position      = CASE WHEN $17::text IS NULL THEN position ELSE NULLIF($17, '') END
			FROM   bumped
			WHERE  ` + alive + fewTags + `
			RETURNING ` + columns,
		Args: []any{
			owner.String(), uuidParam(id), versionParam(condition), change.Title, change.Description, change.IsCompleted,
			!change.Due.IsZero(), due.Date, due.Time, due.Zone, dueAt,
			(*int32)(change.Priority), tagsParam(change.Tags.Add), replacedTagsParam(change.Tags), removed, todo.MaxTags,
			change.Position, !change.Tags.IsZero(),
		},
		Owner: owner.String(),
	})
	if errors.Is(err, todo.ErrNotFound) {
		if err := s.checkOpen(ctx, owner, "update todo"); err != nil {
			return todo.Todo{}, err
		}
	}
	return written, err
}
