package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// errNoID means that a draft has no id, which is a defect.
var errNoID = errors.New("postgres: create todo: the draft has no id")

// appliedRequest is what is kept of a request: of each operation the todo and the code.
type appliedRequest struct {
	id      todo.RequestID
	content [sha256.Size]byte
	todos   []todo.ID
	codes   []string
}

// refusal is why an operation is refused, and the code for it in the table.
type refusal struct {
	code string
	err  error
}

// refusals lists what operations are refused with. The codes are in the table: they must
// not change.
func refusals() []refusal {
	return []refusal{
		{"invalid", todo.ErrInvalid},
		{"not_found", todo.ErrNotFound},
		{"already_exists", todo.ErrAlreadyExists},
		{"conflict", todo.ErrConflict},
		{"too_many", todo.ErrTooMany},
		{"no_trash", todo.ErrNoTrash},
	}
}

// codeOf returns the code of what became of an operation, "" when it was applied. It
// reports false when the error is no refusal.
func codeOf(err error) (code string, isKnown bool) {
	if err == nil {
		return "", true
	}
	for _, r := range refusals() {
		if errors.Is(err, r.err) {
			return r.code, true
		}
	}
	return "", false
}

// refusalOf returns the error that a code stands for, nil when the operation was applied.
func refusalOf(code string) (err error, isKnown bool) { //nolint:revive // It is what is asked for, no failure.
	if code == "" {
		return nil, true
	}
	for _, r := range refusals() {
		switch {
		case r.code != code:
		case errors.Is(r.err, todo.ErrConflict):
			return new(todo.ConflictError), true
		default:
			return r.err, true
		}
	}
	return nil, false
}

// add adds what became of an operation.
func (r *appliedRequest) add(id todo.ID, refused error) error {
	code, isKnown := codeOf(refused)
	if !isKnown {
		return refused
	}
	r.todos, r.codes = append(r.todos, id), append(r.codes, code)
	return nil
}

// findRequest returns an owner's request that was applied before. It fails with
// [todo.ErrNotFound], and with [todo.ErrMoving] when the owner's account is sealed. The
// account is there and locked.
func (s *Store) findRequest(ctx context.Context, owner todo.UserID, id todo.RequestID) (appliedRequest, error) {
	found := appliedRequest{id: id}
	err := s.run(ctx, database.Statement{
		Name: "find request",
		SQL: `
			SELECT NOT account.` + isOpen + `, request.content_hash, request.todo_ids, request.codes
			FROM   todo_account AS account
			LEFT   JOIN todo_request AS request ON request.user_id = $1 AND request.request_id = $2
			WHERE  account.user_id = $1`,
		Args: []any{owner.String(), uuidParam(todo.ID(id))},
		Read: func(rows pgx.Rows) error {
			var isSealed bool
			var hash []byte
			var ids []pgtype.UUID
			_, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (struct{}, error) {
				return struct{}{}, row.Scan(&isSealed, &hash, &ids, &found.codes)
			})
			switch {
			case err != nil:
				return err
			case isSealed:
				return errMoving("apply todos")
			case hash == nil:
				return todo.ErrNotFound
			case len(hash) != len(found.content) || len(ids) != len(found.codes):
				return fmt.Errorf("a row of todo_request with %d bytes, %d ids and %d codes", len(hash), len(ids), len(found.codes))
			}
			found.content = [sha256.Size]byte(hash)
			found.todos = make([]todo.ID, len(ids))
			for i, id := range ids {
				found.todos[i] = id.Bytes
			}
			return nil
		},
	})
	return found, err
}

// addRequest keeps a request.
func (s *Store) addRequest(ctx context.Context, owner todo.UserID, request appliedRequest) error {
	return s.run(ctx, database.Statement{
		Name: "add request",
		SQL: `
			INSERT INTO todo_request (user_id, request_id, content_hash, todo_ids, codes)
			VALUES ($1, $2, $3, $4::text[]::uuid[], $5::text[])`,
		Args:  []any{owner.String(), uuidParam(todo.ID(request.id)), request.content[:], idTexts(request.todos), request.codes},
		Owner: owner.String(),
		Read:  ignoreRows,
	})
}

// findTodos returns those of an owner's todos that have certain ids, deleted ones too.
func (s *Store) findTodos(ctx context.Context, owner todo.UserID, ids []todo.ID) (map[todo.ID]*todo.Todo, error) {
	if len(ids) == 0 {
		return nil, nil //nolint:nilnil // A map without todos can be read.
	}
	todos, err := s.todos(ctx, database.Statement{
		Name: "find todos",
		SQL: `
			SELECT ` + columns + `
			FROM   todo
			WHERE  user_id = $1
			  AND  id = ANY ($2::text[]::uuid[])`,
		Args:    []any{owner.String(), idTexts(ids)},
		MaxRows: len(ids),
	})
	if err != nil {
		return nil, err
	}
	found := make(map[todo.ID]*todo.Todo, len(todos))
	for i := range todos {
		found[todos[i].ID] = &todos[i]
	}
	return found, nil
}

// idTexts returns ids as the driver takes a list of them in every mode.
func idTexts(ids []todo.ID) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return texts
}

// SweepRequests forgets requests that were applied longer ago than
// [todo.RequestRetention], in small batches, and returns how many. Any number of
// processes may sweep at once.
func (s *Store) SweepRequests(ctx context.Context) (total int, err error) {
	return untilNone(func() (int, error) { return s.sweepSomeRequests(ctx) })
}

// sweepSomeRequests forgets a batch of requests, by the database's clock. It waits for no
// lock.
func (s *Store) sweepSomeRequests(ctx context.Context) (int, error) {
	return s.count(ctx, database.Statement{
		Name: "sweep requests",
		SQL: `
			DELETE FROM todo_request
			WHERE  ctid = ANY (ARRAY(SELECT   ctid
			                         FROM     todo_request
			                         WHERE    created_at < now() - make_interval(secs => $1)
			                         ORDER BY created_at
			                         LIMIT    $2
			                         FOR UPDATE SKIP LOCKED))
			RETURNING 1`,
		Args:       []any{todo.RequestRetention.Seconds(), sweepBatch},
		Owner:      everyone,
		Idempotent: true,
		Alone:      true,
		MaxRows:    sweepBatch,
	})
}
