package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/todo"
)

// createOperation is the name of a create in errors.
const createOperation = "create todo"

// CreateTodo implements [todo.Store]. The draft has to have an ID, as the
// service makes it.
//
// A repetition has to see the row that it repeats, also one that a transaction
// beside it has only just committed. DO UPDATE does: it waits for that
// transaction, locks the row as it is then, and compares. DO NOTHING followed
// by a SELECT would look for the row in the statement's snapshot, which is
// older. What the update writes is what is there already, but for times that the
// checks don't allow (see UpdateTodo).
func (s *Store) CreateTodo(ctx context.Context, owner todo.UserID, draft todo.Draft) (todo.Todo, error) {
	if draft.ID == nil {
		return todo.Todo{}, fmt.Errorf("postgres: %s: the draft has no id", createOperation)
	}
	if s.maxTodos > 0 {
		return s.createWithin(ctx, owner, draft)
	}
	created, err := one(s.creates.do(ctx, createQuery{owner, draft}, func(waited time.Duration) ([]todo.Todo, error) {
		return s.rows(ctx, work{operation: createOperation, writer: owner, waited: waited}, `
			INSERT INTO todo (user_id, id, title, description)
			VALUES           ($1, $2, $3, NULLIF($4, ''))
			ON CONFLICT (id) DO UPDATE
			SET   id         = EXCLUDED.id,
			      created_at = LEAST(GREATEST(todo.created_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59.999999+00'),
			      updated_at = LEAST(GREATEST(todo.updated_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59.999999+00')
			WHERE todo.user_id = EXCLUDED.user_id
			  AND todo.title = EXCLUDED.title
			  AND todo.description IS NOT DISTINCT FROM EXCLUDED.description
			RETURNING id, title, COALESCE(description, ''), false, created_at, created_at`,
			owner.String(), uuidParam(*draft.ID), draft.Title, draft.Description)
	}))
	if errors.Is(err, todo.ErrNotFound) {
		// Neither inserted nor the same.
		return todo.Todo{}, todo.ErrAlreadyExists
	}
	return created, err
}

// createQuery is what a CreateTodo asks for.
type createQuery struct {
	owner todo.UserID
	draft todo.Draft
}

func (q createQuery) weight() int {
	return 1 + (len(q.draft.Title)+len(q.draft.Description))/usualText
}

func (q createQuery) makes() *todo.ID { return q.draft.ID }

// createShared is CreateTodo for several calls, which are committed together. It
// makes what is not there, and leaves the rest to the calls' own statements: to
// compare a row with a draft, this one would have to stand in line with all who
// change it, and have all its calls wait. So would ON CONFLICT by itself, for rows
// that are being changed; hence the look at what is there, by a subquery for each
// row, which the planner can't turn into a join that reads the whole table.
//
// What is being inserted beside it, it waits for. The order keeps two such
// statements, of two processes, from each waiting for the other. And lock_timeout,
// which is less than sharingPatience, has the server give up a wait by itself: until
// it did, should the request to cancel the statement get lost, the calls' own
// statements would wait for what this one has inserted.
func (s *Store) createShared(ctx context.Context, begin func() []*sharedCall[createQuery]) error {
	return askShared(ctx, s, begin, `
		WITH asked AS (
			SELECT owner, todo_id, title, description, call
			FROM   unnest($1::text[], $2::uuid[], $3::text[], $4::text[])
			       WITH ORDINALITY AS asked (owner, todo_id, title, description, call)
			CROSS JOIN set_config('lock_timeout', '200ms', true) AS of_this_statement
		), made AS (
			INSERT INTO todo (user_id, id, title, description)
			SELECT   owner, todo_id, title, NULLIF(description, '')
			FROM     asked
			WHERE    (SELECT id FROM todo WHERE id = todo_id) IS NULL
			ORDER BY todo_id
			ON CONFLICT (id) DO NOTHING
			RETURNING id, title, COALESCE(description, '') AS description, created_at
		)
		SELECT id, made.title, made.description, false, created_at, created_at AS updated_at, call
		FROM   made JOIN asked ON todo_id = id`,
		func(calls []*sharedCall[createQuery]) []any {
			var (
				owners               = make([]string, len(calls))
				ids                  = make([]pgtype.UUID, len(calls))
				titles, descriptions = make([]string, len(calls)), make([]string, len(calls))
			)
			for i, call := range calls {
				draft := call.query.draft
				owners[i], ids[i] = call.query.owner.String(), uuidParam(*draft.ID)
				titles[i], descriptions[i] = draft.Title, draft.Description
			}
			return []any{owners, ids, titles, descriptions}
		})
}

// createWithin is CreateTodo with a bound on the owner's todos.
//
// The count stops at the bound, so that it costs no more than that, and its
// order makes it walk the index instead of looking for the owner's rows among
// all. An owner who has the todo already is at a repetition, which needs no
// room. Whether anybody else has the id is not looked at before there is room:
// an owner without any learns that and nothing else.
func (s *Store) createWithin(ctx context.Context, owner todo.UserID, draft todo.Draft) (todo.Todo, error) {
	var isLeft bool
	var id pgtype.UUID // Not valid when neither inserted nor the same.
	var title, description pgtype.Text
	var createdAt pgtype.Timestamptz
	err := s.run(ctx, work{operation: createOperation, writer: owner}, func(ctx context.Context, conn *pgx.Conn) error {
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
				SET   id         = EXCLUDED.id,
				      created_at = LEAST(GREATEST(todo.created_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59.999999+00'),
				      updated_at = LEAST(GREATEST(todo.updated_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59.999999+00')
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
	at := timeOf(createdAt)
	return todo.Todo{ID: id.Bytes, Title: title.String, Description: description.String, CreatedAt: at, UpdatedAt: at}, nil
}
