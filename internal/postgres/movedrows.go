package postgres

import (
	"context"
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

// requestsToMove is todosToMove for the requests that were applied.
func (s *Store) requestsToMove(ctx context.Context, owner todo.UserID, after movedRow) ([]movedRow, error) {
	return s.rowsToMove(ctx, database.Statement{
		Name: "read requests to move",
		SQL: `
			SELECT   to_jsonb(moved)::text, 0::bigint, request_id
			FROM     (SELECT   ` + movedRequest + `
			          FROM     todo_request
			          WHERE    user_id = $1
			            AND    (0, request_id) > ($2::bigint, $3::uuid)
			          ORDER BY request_id
			          LIMIT    $4) AS moved
			ORDER BY request_id`,
		Args: []any{owner.String(), after.Revision, uuidParam(after.ID), moveBatch},
	})
}

// rowsToMove runs a statement that returns rows.
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

// removeMoved removes all of an owner's todos and requests at once, so that nobody is
// shown a part of them, and returns how many todos.
func (s *Store) removeMoved(ctx context.Context, owner todo.UserID) (n int, err error) {
	err = s.run(ctx, database.Statement{
		Name: "remove moved todos",
		SQL: `
			WITH requests AS (
				DELETE FROM todo_request WHERE user_id = $1
			), todos AS (
				DELETE FROM todo WHERE user_id = $1 RETURNING id
			)
			SELECT count(*) FROM todos`,
		Args:  []any{owner.String()},
		Owner: owner.String(),
		Read: func(rows pgx.Rows) (err error) {
			n, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
			return err
		},
	})
	return n, err
}

// digest tells whether two databases have the same rows of an owner.
type digest struct {
	Todos, Requests       int
	TodoHash, RequestHash string
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

// digest reads an owner's rows in one snapshot. Requests that were applied before a time
// are left out. It has to run after setNeutral.
func (s *Store) digest(ctx context.Context, owner todo.UserID, since time.Time) (found digest, err error) {
	err = s.run(ctx, database.Statement{
		Name: "compare moved rows",
		SQL: `
			SELECT todos.n, requests.n, todos.hash, requests.hash
			FROM   (SELECT count(*) AS n, COALESCE(encode(sha256(string_agg(sha256(convert_to(to_jsonb(moved)::text, 'UTF8')), '' ORDER BY id)), 'hex'), '') AS hash
			        FROM   (SELECT ` + movedTodo + ` FROM todo WHERE user_id = $1) AS moved) AS todos,
			       (SELECT count(*) AS n, COALESCE(encode(sha256(string_agg(sha256(convert_to(to_jsonb(moved)::text, 'UTF8')), '' ORDER BY request_id)), 'hex'), '') AS hash
			        FROM   (SELECT ` + movedRequest + ` FROM todo_request WHERE user_id = $1 AND created_at >= $2) AS moved) AS requests`,
		Args: []any{owner.String(), timeParam(since)},
		Read: func(rows pgx.Rows) (err error) {
			found, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[digest])
			return err
		},
	})
	return found, err
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
