package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/todo"
)

// usualPage is how many todos there is room for on a page before it grows.
const usualPage = 32

// scan reads todos from [columns], so many at most.
func (s *Store) scan(rows pgx.Rows, most int) ([]todo.Todo, error) {
	defer rows.Close()
	todos := make([]todo.Todo, 0, min(max(1, most), usualPage))
	row := row{rows: rows}
	for row.isNext() {
		todos = append(todos, todo.Todo{})
		if err := s.scanTodo(&row, &todos[len(todos)-1]); err != nil {
			return nil, err
		}
	}
	return todos, row.end()
}

// scanTodo reads a todo from the [columns] of a row that follow.
//
// What an old table may have in its columns and the service would not put there,
// such as NULL, is read as the nearest that it would: one odd row must not take
// down the list that it is in.
func (s *Store) scanTodo(r *row, t *todo.Todo) error {
	t.ID = r.id()
	t.Title, t.Description, t.IsCompleted = r.text(), r.text(), r.flag()
	t.CreatedAt, t.UpdatedAt = r.instant(), r.instant()
	t.Revision = r.number()
	t.DeletedAt, t.IsPurged = r.instantOrNone(), r.flag()
	t.CompletedAt = r.instantOrNone()
	t.Due = todo.Due{Date: r.date(), Time: r.timeOfDay(), Zone: r.text()}
	t.Priority, t.Tags, t.Position = r.priority(), r.tags(), r.position()
	if r.err != nil {
		return r.err
	}
	t.Version = todo.VersionAt(t.UpdatedAt)
	if !t.DeletedAt.IsZero() {
		t.PurgeAt = t.DeletedAt.Add(s.config.TrashRetention)
	}
	// Processes of an older version don't know the newer columns: they reopen a todo and
	// leave its time of completion, and purge its texts alone.
	if !t.IsCompleted {
		t.CompletedAt = time.Time{}
	}
	if t.IsPurged {
		t.Due, t.Priority, t.Tags, t.Position = todo.Due{}, todo.NoPriority, nil, ""
	}
	if !todo.IsTime(t.CreatedAt) || !todo.IsTime(t.UpdatedAt) {
		s.logOddTime(t.ID)
	}
	return nil
}

// logOddTime says once that there is a row with a time that callers can't be told.
func (s *Store) logOddTime(id todo.ID) {
	if s.told.oddTime.CompareAndSwap(false, true) {
		s.config.Logger.WarnContext(context.Background(), "a todo has a time before year 1 or after year 9999: callers are told the nearest that there is; further ones are not logged",
			"id", id.String())
	}
}
