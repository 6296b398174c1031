package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
)

// preparedStatement is a statement that is prepared on the connection of a database
// that has one.
type preparedStatement struct {
	db   *database.DB
	name string
}

// preparedBy returns the statement with a word in it that is prepared on the one
// connection of a database.
func preparedBy(t *testing.T, db *database.DB, word string) preparedStatement {
	t.Helper()
	names := ask(t, db, "SELECT name FROM pg_prepared_statements WHERE position($1 IN statement) > 0 AND position('pg_prepared' IN statement) = 0", word)
	if len(names) != 1 {
		t.Fatalf("%d statements with %s are prepared", len(names), word)
	}
	return preparedStatement{db: db, name: names[0]}
}

// plan returns how PostgreSQL would run the statement with arguments, in a mode
// of plan_cache_mode.
func (s preparedStatement) plan(t *testing.T, mode, arguments string) string {
	t.Helper()
	ask(t, s.db, "SELECT set_config('plan_cache_mode', $1, false)", mode)
	return strings.Join(ask(t, s.db, "EXPLAIN EXECUTE "+pgx.Identifier{s.name}.Sanitize()+"("+arguments+")"), "\n")
}

// ask returns the texts that a query answers.
func ask(t *testing.T, db *database.DB, sql string, args ...any) (texts []string) {
	t.Helper()
	err := db.Run(t.Context(), database.Statement{Name: "ask", SQL: sql, Args: args, Read: func(rows pgx.Rows) (err error) {
		texts, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}
