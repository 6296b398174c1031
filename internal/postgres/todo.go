package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// columns are a todo's, in the order in which scanTodo reads them.
const columns = `todo.id, todo.title, todo.description, todo.is_completed, todo.created_at, todo.updated_at,
			todo.revision, todo.deleted_at, todo.purged, todo.completed_at,
			todo.due_date, todo.due_time, todo.due_time_zone, todo.priority, todo.tags, todo.position`

// alive is the condition for one of an owner's todos that is not deleted, and has a
// version if that is not NULL. Statements that change it look at it twice: before they
// take a revision, and, under the account's lock, when they change the row.
const alive = `
			       user_id = $1
			  AND  id = $2
			  AND  deleted_at IS NULL
			  AND  COALESCE(COALESCE(updated_at, '-infinity') = $3::timestamptz, true)`

// changedTimes moves a todo's time of change strictly forward. Times that an old table
// may have and the schema's checks don't allow are brought to what callers were told of
// them, as the checks look at each row that is changed.
const changedTimes = `
			       created_at   = LEAST(GREATEST(created_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59.999999+00'),
			       updated_at   = GREATEST(clock_timestamp(), LEAST(updated_at, '9999-12-31 23:59:59.999998+00') + INTERVAL '1 microsecond')`

// GetTodo implements [todo.Store].
func (s *Store) GetTodo(ctx context.Context, owner todo.UserID, id todo.ID) (todo.Todo, error) {
	return s.found(ctx, owner, id, database.Statement{
		Name: "get todo",
		SQL: `
			SELECT ` + columns + `
			FROM   todo
			WHERE  user_id = $1
			  AND  id = $2
			  AND  deleted_at IS NULL`,
		Args: []any{owner.String(), uuidParam(id)},
	}, traces.hasAlive)
}

// ListTodos implements [todo.Store]. The query's size has to be at least 1, as
// the service makes it.
//
// An empty page may be that of an owner whose todos are elsewhere. They leave in one
// transaction, so a page that is not empty lacks none. A page of a copy that is arriving is
// returned: nobody can change that at the source, so it is what is read there.
func (s *Store) ListTodos(ctx context.Context, owner todo.UserID, query todo.Query) (todo.Page, error) {
	page, err := s.list(ctx, owner, query)
	if err != nil || len(page.Todos) > 0 {
		return page, err
	}
	sealed, err := s.sealing(ctx, owner)
	if err == nil && sealed.isElsewhere() {
		err = errMoving("list todos")
	}
	return page, err
}

// list is ListTodos but for those whose todos are elsewhere.
//
// Two things keep each page on ix_todo_user_id_created_at, whatever the
// parameters and the statistics. The first page starts after infinity: a
// condition that may be absent could not be one of the index's in a plan made
// for all parameters. And COALESCE, besides NULL for no filter, hides from the
// planner that a filter may be rare: it would rather read and sort all of the
// owner's todos for each page.
func (s *Store) list(ctx context.Context, owner todo.UserID, query todo.Query) (todo.Page, error) {
	if query.Size < 1 {
		return todo.Page{}, fmt.Errorf("postgres: list todos: page size %d", query.Size)
	}
	switch {
	case query.InTrash && s.config.TrashRetention == 0:
		return todo.Page{}, todo.ErrNoTrash
	case !query.IsPlain():
		return s.find(ctx, owner, query)
	case query.InTrash:
		return s.listTrash(ctx, owner, query)
	}
	return s.page(ctx, query, database.Statement{
		Name: "list todos",
		SQL: `
			SELECT   ` + columns + `
			FROM     todo
			WHERE    user_id = $1
			  AND    (created_at, id) < ($2, $3)
			  AND    COALESCE(is_completed = $4::boolean, true)
			  AND    deleted_at IS NULL
			ORDER BY created_at DESC, id DESC
			LIMIT    $5`,
		Args: pageArgs(owner, query),
	})
}

// pageArgs are the arguments of a list's statement: the owner, the position, the filter
// and one todo more than the page has, which tells whether there is a next page.
func pageArgs(owner todo.UserID, query todo.Query) []any {
	after, id := pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}, lastID() // A row may have that time.
	if query.After != nil {
		after, id = timeParam(query.After.At), query.After.ID
	}
	return []any{owner.String(), after, uuidParam(id), query.IsCompleted, query.Size + 1}
}

// page runs a list's statement.
func (s *Store) page(ctx context.Context, query todo.Query, statement database.Statement) (todo.Page, error) {
	statement.MaxRows = query.Size + 1
	statement.Alone = query.IsCompleted != nil // A rare state may be looked for in all of the owner's todos.
	todos, err := s.todos(ctx, statement)
	if err != nil || len(todos) <= query.Size {
		return todo.Page{Todos: todos}, err
	}
	todos = todos[:query.Size]
	return todo.Page{Todos: todos, Next: query.CursorAfter(todos[len(todos)-1])}, nil
}

// finder finds a todo that a statement is about: one that is not deleted, or one that may
// be in the trash.
type finder struct {
	find    func(ctx context.Context, owner todo.UserID, id todo.ID) (todo.Todo, error)
	isThere func(traces) bool
}

// todoIf runs a statement on a todo that has the version as a condition. Under a lock
// that another transaction holds, the statement waits and looks at the condition again.
//
// When no row comes back, a read tells a sealed account, a missing todo and one with
// another version apart, and another one fetches the latter. They may run on other
// connections, but they begin after the statement's end, so they see what the statement
// saw or something newer. When that is a todo to which the statement applies, it runs
// again. The latter read may find the very version of the call, if that was guessed: it is
// answered as a conflict. The caller compares, and the same call succeeds when it is
// repeated. Under the account's lock there is no need of the former read.
func (s *Store) todoIf(ctx context.Context, version todo.Version, finder finder, owner todo.UserID, id todo.ID, statement database.Statement) (todo.Todo, error) {
	for range attempts {
		changed, err := s.todo(ctx, statement)
		if !errors.Is(err, todo.ErrNotFound) {
			return changed, err
		}
		again, err := s.lookAgain(ctx, owner, id, version, statement.Name, finder.isThere)
		switch {
		case err != nil:
			return todo.Todo{}, err
		case again:
			continue
		case s.isLocked && !version.Valid:
			return todo.Todo{}, todo.ErrNotFound
		}
		current, err := finder.find(ctx, owner, id)
		if err != nil {
			return todo.Todo{}, err
		}
		return todo.Todo{}, &todo.ConflictError{Current: current}
	}
	return todo.Todo{}, fmt.Errorf("postgres: %s: %w: the todo, or its account, comes and goes", statement.Name, todo.ErrUnavailable)
}
