package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/todo"
)

// The names of the reads in errors.
const (
	getOperation  = "get todo"
	listOperation = "list todos"
)

// GetTodo implements [todo.Store].
func (s *Store) GetTodo(ctx context.Context, owner todo.UserID, id todo.ID) (todo.Todo, error) {
	found, err := s.gets.do(ctx, getQuery{owner, id}, func(waited time.Duration) ([]todo.Todo, error) {
		return s.rows(ctx, work{operation: getOperation, waited: waited}, `
			SELECT id, title, COALESCE(description, ''), is_completed, created_at, updated_at
			FROM   todo
			WHERE  user_id = $1
			  AND  id = $2`,
			owner.String(), uuidParam(id))
	})
	return one(found, err)
}

// getQuery is what a GetTodo asks for.
type getQuery struct {
	owner todo.UserID
	id    todo.ID
}

func (getQuery) weight() int     { return 1 }
func (getQuery) makes() *todo.ID { return nil }

// getShared is GetTodo for several calls. LIMIT keeps the planner from joining
// in another way than by the primary key, whatever it thinks of the sizes.
func (s *Store) getShared(ctx context.Context, begin func() []*sharedCall[getQuery]) error {
	return askShared(ctx, s, begin, `
		SELECT id, title, description, is_completed, created_at, updated_at, call
		FROM   unnest($1::text[], $2::uuid[])
		       WITH ORDINALITY AS asked (owner, todo_id, call)
		CROSS JOIN LATERAL (
			SELECT id, title, COALESCE(description, '') AS description, is_completed, created_at, updated_at
			FROM   todo
			WHERE  user_id = asked.owner
			  AND  id = asked.todo_id
			LIMIT  1
		) AS found`,
		func(calls []*sharedCall[getQuery]) []any {
			owners, ids := make([]string, len(calls)), make([]pgtype.UUID, len(calls))
			for i, call := range calls {
				owners[i], ids[i] = call.query.owner.String(), uuidParam(call.query.id)
			}
			return []any{owners, ids}
		})
}

// ListTodos implements [todo.Store]. The query's size has to be at least 1, as
// the service makes it.
func (s *Store) ListTodos(ctx context.Context, owner todo.UserID, query todo.Query) (todo.Page, error) {
	if query.Size < 1 {
		return todo.Page{}, fmt.Errorf("postgres: %s: page size %d", listOperation, query.Size)
	}
	// Two things keep each page on ix_todo_user_id_created_at, whatever the
	// parameters and the statistics. The first page starts after infinity: a
	// condition that may be absent could not be one of the index's in a plan
	// made for all parameters. And COALESCE, besides NULL for no filter, hides
	// from the planner that a filter may be rare: it would rather read and sort
	// all of the owner's todos for each page.
	q := listQuery{
		owner:       owner,
		createdAt:   pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true},
		id:          lastID(), // A row may have that time.
		isCompleted: query.IsCompleted,
		limit:       query.Size + 1, // One more tells whether there is a next page.
	}
	if query.After != nil {
		q.createdAt = timeParam(query.After.CreatedAt)
		q.id = query.After.ID
	}
	todos, err := s.lists.do(ctx, q, func(waited time.Duration) ([]todo.Todo, error) {
		return s.rows(ctx, work{operation: listOperation, waited: waited}, `
			SELECT   id, title, COALESCE(description, ''), is_completed, created_at, updated_at
			FROM     todo
			WHERE    user_id = $1
			  AND    (created_at, id) < ($2, $3)
			  AND    COALESCE(is_completed = $4::boolean, true)
			ORDER BY created_at DESC, id DESC
			LIMIT    $5`,
			owner.String(), q.createdAt, uuidParam(q.id), q.isCompleted, q.limit)
	})
	if err != nil {
		return todo.Page{}, err
	}
	// As they come, but the join of a shared statement promises no order.
	slices.SortFunc(todos, newestFirst)
	if len(todos) <= query.Size {
		return todo.Page{Todos: todos}, nil
	}
	todos = todos[:query.Size]
	last := todos[len(todos)-1]
	return todo.Page{Todos: todos, Next: &todo.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}}, nil
}

// listQuery is what a ListTodos asks for.
type listQuery struct {
	owner       todo.UserID
	createdAt   pgtype.Timestamptz // What comes after it and id is asked for.
	id          todo.ID
	isCompleted *bool
	limit       int
}

func (q listQuery) weight() int   { return q.limit }
func (listQuery) makes() *todo.ID { return nil }

// listShared is ListTodos for several calls.
//
// The inner LIMIT is maxCallRows, more than any call asks for. Of a size that
// comes with each call the planner knows nothing: it would expect a tenth of
// each owner's todos, and where owners have many, think the statement so costly
// that compiling it pays (jit_above_cost), which takes longer than all the rest.
func (s *Store) listShared(ctx context.Context, begin func() []*sharedCall[listQuery]) error {
	return askShared(ctx, s, begin, `
		SELECT id, title, description, is_completed, created_at, updated_at, call
		FROM   unnest($1::text[], $2::timestamptz[], $3::uuid[], $4::boolean[], $5::integer[])
		       WITH ORDINALITY AS asked (owner, after_time, after_id, filter, size, call)
		CROSS JOIN LATERAL (
			SELECT   id, title, description, is_completed, created_at, updated_at
			FROM     (
				SELECT   id, title, COALESCE(description, '') AS description, is_completed, created_at, updated_at
				FROM     todo
				WHERE    user_id = asked.owner
				  AND    (created_at, id) < (asked.after_time, asked.after_id)
				  AND    COALESCE(is_completed = asked.filter, true)
				ORDER BY created_at DESC, id DESC
				LIMIT    500
			) AS most
			ORDER BY created_at DESC, id DESC
			LIMIT    asked.size
		) AS found`,
		func(calls []*sharedCall[listQuery]) []any {
			var (
				owners      = make([]string, len(calls))
				createdAts  = make([]pgtype.Timestamptz, len(calls))
				ids         = make([]pgtype.UUID, len(calls))
				isCompleted = make([]*bool, len(calls))
				limits      = make([]int, len(calls))
			)
			for i, call := range calls {
				q := call.query
				owners[i], createdAts[i], ids[i], isCompleted[i], limits[i] = q.owner.String(), q.createdAt, uuidParam(q.id), q.isCompleted, q.limit
			}
			return []any{owners, createdAts, ids, isCompleted, limits}
		})
}

// lastID returns the ID that is the last in order.
func lastID() (id todo.ID) {
	for i := range id {
		id[i] = 0xff
	}
	return id
}

// newestFirst is the order of lists.
func newestFirst(a, b todo.Todo) int {
	if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
		return c
	}
	return bytes.Compare(b.ID[:], a.ID[:])
}

// errNobody says that the callers had all left when their statement had its
// connection.
var errNobody = errors.New("no calls share the statement")

// askShared runs a statement for the calls that begin returns, once, and gives each
// its todos. The statement returns the columns of a todo, and behind them the
// number of the call that the row is for, counted from 1.
func askShared[Q sharedQuery](
	ctx context.Context, s *Store, begin func() []*sharedCall[Q], sql string, arguments func([]*sharedCall[Q]) []any,
) error {
	generation, err := s.attempt(ctx, work{shared: true}, func(ctx context.Context, conn *pgx.Conn) error {
		calls := begin()
		if len(calls) == 0 {
			return errNobody // Not that the database answered.
		}
		rows, err := conn.Query(ctx, sql, arguments(calls)...)
		if err != nil {
			return err
		}
		row := row{store: s}
		var number int
		_, err = pgx.ForEachRow(rows, append(row.columns(), &number), func() error {
			call := calls[number-1]
			if call.todos == nil {
				call.todos = make([]todo.Todo, 0, min(call.query.weight(), usualPage))
			}
			call.todos = append(call.todos, row.todo())
			return nil
		})
		return err
	})
	s.renew(generation, err) // The calls are going to run statements of their own.
	return err
}

// usualPage is how many todos there is room for on a page before it grows.
const usualPage = 32

// rows runs a statement that returns todos.
func (s *Store) rows(ctx context.Context, w work, sql string, args ...any) ([]todo.Todo, error) {
	var todos []todo.Todo
	err := s.run(ctx, w, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		todos = nil // Of an attempt that failed.
		row := row{store: s}
		_, err = pgx.ForEachRow(rows, row.columns(), func() error {
			todos = append(todos, row.todo())
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err // Rows may have come before the commit failed.
	}
	return todos, nil
}

// one returns the todo that a statement has found, if any.
func one(found []todo.Todo, err error) (todo.Todo, error) {
	switch {
	case err != nil:
		return todo.Todo{}, err
	case len(found) == 0:
		return todo.Todo{}, todo.ErrNotFound
	}
	return found[0], nil
}
