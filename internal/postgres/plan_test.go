package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/postgres"
)

// preparedStatement is a statement that a store has prepared, on the connection
// that has it.
type preparedStatement struct {
	conn *pgx.Conn
	name string
}

// preparedBy returns the statement with a word in it that a store of one
// connection has prepared. It keeps the connection until the test has ended.
func preparedBy(t *testing.T, store *postgres.Store, word string) preparedStatement {
	t.Helper()
	conn, err := store.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Release)
	return preparedStatement{conn: conn.Conn()}.beside(t, word)
}

// beside returns the statement with a word in it that is prepared on the same
// connection.
func (s preparedStatement) beside(t *testing.T, word string) preparedStatement {
	t.Helper()
	err := s.conn.QueryRow(t.Context(), `
		SELECT name
		FROM   pg_prepared_statements
		WHERE  statement LIKE '%' || $1 || '%'
		  AND  statement NOT LIKE '%pg_prepared%'`, word).Scan(&s.name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plan returns how PostgreSQL would run the statement with arguments, in a mode
// of plan_cache_mode.
func (s preparedStatement) plan(t *testing.T, mode, arguments string) string {
	t.Helper()
	pgtest.ExecOn(t, s.conn, "SET plan_cache_mode = "+mode)
	rows, err := s.conn.Query(t.Context(), "EXPLAIN EXECUTE "+pgx.Identifier{s.name}.Sanitize()+"("+arguments+")")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
