package postgres

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// movedTodo and movedRequest are the columns that move with a user, besides that of the
// owner: all that the tables have.
const (
	movedTodo = `id, title, description, is_completed, created_at, updated_at, revision, deleted_at, purged,
			       completed_at, due_date, due_time, due_time_zone, due_at, priority, tags, position`
	movedRequest = `request_id, content_hash, todo_ids, codes, created_at`
)

// moveBatch is how many rows one statement of a move carries. A thousand of the longest
// todos are 10 MB.
const moveBatch = 1000

// checkMovable fails when a database has columns that a move would lose, or lacks some that
// it needs. which is what errors call the database; one that todos leave must have no
// others.
func (s *Store) checkMovable(ctx context.Context, which string, isLeft bool) error {
	for _, t := range tables() {
		var there []string
		err := s.run(ctx, database.Statement{
			Name: "list columns",
			SQL: `
				SELECT attname::text
				FROM   pg_catalog.pg_attribute
				WHERE  attrelid = to_regclass($1::text)
				  AND  attnum > 0
				  AND  NOT attisdropped`,
			Args:    []any{t.name},
			MaxRows: len(t.columns),
			Read: func(rows pgx.Rows) (err error) {
				there, err = pgx.CollectRows(rows, pgx.RowTo[string])
				return err
			},
		})
		if err != nil {
			return onSide(which, err)
		}
		known := make([]string, len(t.columns))
		for i, c := range t.columns {
			known[i] = c.name
		}
		if missing := without(known, there); len(missing) > 0 {
			return refusef("the table %s of the %s lacks columns (%s): run todod migrate there", t.name, which, strings.Join(missing, ", "))
		}
		if others := without(there, known); isLeft && len(others) > 0 {
			return refusef("the table %s of the %s has columns that this version does not move (%s): use the todod that the %[2]s was migrated by",
				t.name, which, strings.Join(others, ", "))
		}
	}
	return nil
}

// without returns the names that are not among others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

// movedRow is a row on its way: its columns as a JSON object, and its place in the order
// in which rows are read.
type movedRow struct {
	Line     string
	Revision int64
	ID       todo.ID
}

// linesOf returns the rows without their places.
func linesOf(rows []movedRow) []string {
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = row.Line
	}
	return lines
}

// reading returns an owner's rows behind a place, as many as a batch has.
type reading func(ctx context.Context, owner todo.UserID, after movedRow) ([]movedRow, error)

// eachBatch calls do with all rows that read returns, batch by batch, and returns how many
// there are.
func eachBatch(ctx context.Context, owner todo.UserID, read reading, do func([]movedRow) error) (total int, err error) {
	last := movedRow{Revision: beforeAll().Revision}
	for {
		rows, err := read(ctx, owner, last)
		if err == nil && len(rows) > 0 {
			err = do(rows)
		}
		total += len(rows)
		if err != nil || len(rows) < moveBatch {
			return total, err
		}
		last = rows[len(rows)-1]
	}
}

// todosToMove returns an owner's todos behind a place, deleted ones too, as many as a
// batch has.
func (s *Store) todosToMove(ctx context.Context, owner todo.UserID, after movedRow) ([]movedRow, error) {
	return s.rowsToMove(ctx, database.Statement{
		Name: "read todos to move",
		SQL: `
			SELECT   to_jsonb(moved)::text, revision, id
			FROM     (SELECT   ` + movedTodo + `
			          FROM     todo
			          WHERE    user_id = $1
			            AND    (revision, id) > ($2, $3)
			          ORDER BY revision, id
			          LIMIT    $4) AS moved
			ORDER BY revision, id`,
		Args: []any{owner.String(), after.Revision, uuidParam(after.ID), moveBatch},
	})
}

// requestsToMove is todosToMove for the requests that were applied at a time or later.
func (s *Store) requestsToMove(since time.Time) reading {
	return func(ctx context.Context, owner todo.UserID, after movedRow) ([]movedRow, error) {
		return s.rowsToMove(ctx, database.Statement{
			Name: "read requests to move",
			SQL: `
				SELECT   to_jsonb(moved)::text, 0::bigint, request_id
				FROM     (SELECT   ` + movedRequest + `
				          FROM     todo_request
				          WHERE    user_id = $1
				            AND    (request_id, 0) > ($3::uuid, $2::bigint)
				            AND    created_at >= $5
				          ORDER BY request_id
				          LIMIT    $4) AS moved
				ORDER BY request_id`,
			Args: []any{owner.String(), after.Revision, uuidParam(after.ID), moveBatch, timeParam(since)},
		})
	}
}

// rowsToMove runs a statement that returns a batch of rows.
func (s *Store) rowsToMove(ctx context.Context, statement database.Statement) (found []movedRow, err error) {
	statement.Alone, statement.MaxRows = true, moveBatch
	statement.Read = func(rows pgx.Rows) (err error) {
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[movedRow])
		return err
	}
	return found, s.run(ctx, statement)
}

// addMoved stores rows that todosToMove, or requestsToMove, has returned elsewhere.
func (s *Store) addMoved(ctx context.Context, owner todo.UserID, rows []movedRow, areRequests bool) error {
	statement := database.Statement{
		Name: "add moved todos",
		SQL: `
			INSERT INTO todo (user_id, ` + movedTodo + `)
			SELECT $1, ` + movedTodo + `
			FROM   unnest($2::text[]) AS line, jsonb_populate_record(CAST(NULL AS todo), line::jsonb)`,
		Args:  []any{owner.String(), linesOf(rows)},
		Owner: owner.String(),
		Read:  ignoreRows,
	}
	if areRequests {
		statement.Name = "add moved requests"
		statement.SQL = `
			INSERT INTO todo_request (user_id, ` + movedRequest + `)
			SELECT $1, ` + movedRequest + `
			FROM   unnest($2::text[]) AS line, jsonb_populate_record(CAST(NULL AS todo_request), line::jsonb)`
	}
	return s.run(ctx, statement)
}

// removeMoved removes all of an owner's todos and requests, and returns how many. It has to
// run in a transaction, so that nobody is shown a part of them.
func (s *Store) removeMoved(ctx context.Context, owner todo.UserID) (todos, requests int, err error) {
	done := func([]movedRow) error { return nil }
	if requests, err = eachBatch(ctx, owner, s.removeRequests, done); err == nil {
		todos, err = eachBatch(ctx, owner, s.removeTodos, done)
	}
	return todos, requests, err
}

// removeTodos removes an owner's todos behind a place, as many as a batch has, and returns
// their places.
func (s *Store) removeTodos(ctx context.Context, owner todo.UserID, after movedRow) ([]movedRow, error) {
	return s.rowsToMove(ctx, database.Statement{
		Name: "remove moved todos",
		SQL: `
			WITH batch AS (
				SELECT   revision, id
				FROM     todo
				WHERE    user_id = $1
				  AND    (revision, id) > ($2, $3)
				ORDER BY revision, id
				LIMIT    $4
			), removed AS (
				DELETE FROM todo
				WHERE  user_id = $1
				  AND  (revision, id) > ($2, $3)
				  AND  (revision, id) <= (SELECT revision, id FROM batch ORDER BY revision DESC, id DESC LIMIT 1)
			)
			SELECT   '', revision, id
			FROM     batch
			ORDER BY revision, id`,
		Args:  []any{owner.String(), after.Revision, uuidParam(after.ID), moveBatch},
		Owner: owner.String(),
	})
}

// removeRequests is removeTodos for the requests that were applied.
func (s *Store) removeRequests(ctx context.Context, owner todo.UserID, after movedRow) ([]movedRow, error) {
	return s.rowsToMove(ctx, database.Statement{
		Name: "remove moved requests",
		SQL: `
			WITH batch AS (
				SELECT   request_id
				FROM     todo_request
				WHERE    user_id = $1
				  AND    (request_id, 0) > ($3::uuid, $2::bigint)
				ORDER BY request_id
				LIMIT    $4
			), removed AS (
				DELETE FROM todo_request
				WHERE  user_id = $1
				  AND  (request_id, 0) > ($3::uuid, $2::bigint)
				  AND  request_id <= (SELECT request_id FROM batch ORDER BY request_id DESC LIMIT 1)
			)
			SELECT   '', 0::bigint, request_id
			FROM     batch
			ORDER BY request_id`,
		Args:  []any{owner.String(), after.Revision, uuidParam(after.ID), moveBatch},
		Owner: owner.String(),
	})
}

// digest tells whether two databases have the same rows of an owner.
type digest struct {
	Todos, Requests       int
	TodoHash, RequestHash [sha256.Size]byte
}

// clock returns the time at the database.
func (s *Store) clock(ctx context.Context) (now time.Time, err error) {
	err = s.run(ctx, database.Statement{
		Name: "read clock",
		SQL:  "SELECT clock_timestamp()",
		Read: func(rows pgx.Rows) (err error) {
			now, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[time.Time])
			return err
		},
	})
	return now, err
}

// digest reads an owner's rows. Requests that were applied before a time are left out. It has
// to run after setNeutral.
func (s *Store) digest(ctx context.Context, owner todo.UserID, since time.Time) (found digest, err error) {
	if found.Todos, found.TodoHash, err = hashRows(ctx, owner, s.todosToMove); err != nil {
		return found, err
	}
	found.Requests, found.RequestHash, err = hashRows(ctx, owner, s.requestsToMove(since))
	return found, err
}

// hashRows returns how many rows read returns, and a hash of them.
func hashRows(ctx context.Context, owner todo.UserID, read reading) (n int, sum [sha256.Size]byte, err error) {
	hash := sha256.New()
	n, err = eachBatch(ctx, owner, read, func(rows []movedRow) error {
		for _, row := range rows {
			_, _ = fmt.Fprintln(hash, row.Line) // A hash takes all, and JSON has no line break.
		}
		return nil
	})
	return n, [sha256.Size]byte(hash.Sum(nil)), err
}

// setNeutral has a transaction write values in the same form whatever the database's
// settings are, wait for a synchronous standby, and have no time limit but the service's
// own. Not every version of PostgreSQL has all of these limits.
func (s *Store) setNeutral(ctx context.Context) error {
	return s.run(ctx, database.Statement{
		Name: "set neutral",
		SQL: `
			SELECT set_config(name, CASE WHEN name = 'TimeZone' THEN 'UTC' WHEN name = 'bytea_output' THEN 'hex'
			                             WHEN name = 'synchronous_commit' THEN 'on' ELSE '0' END, true)
			FROM   pg_settings
			WHERE  name IN ('TimeZone', 'bytea_output', 'statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
			   OR  name = 'synchronous_commit' AND setting IN ('off', 'local')`,
		Read: ignoreRows,
	})
}
