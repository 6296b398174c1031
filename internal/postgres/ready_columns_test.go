package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestReadyKnowsEveryColumn takes the columns of schema.sql away, one at a time.
// Without this a new one could be missing from a database that is not migrated,
// and the service would call itself ready, and fail every call.
func TestReadyKnowsEveryColumn(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	conn := pgtest.Connect(t, url)
	rows, err := conn.Query(t.Context(), `
		SELECT c.relname::text, a.attname::text
		FROM   pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE  c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0`)
	if err != nil {
		t.Fatal(err)
	}
	type column struct{ Table, Name string }
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil || len(columns) == 0 {
		t.Fatal(columns, err)
	}
	for _, c := range columns {
		pgtest.ExecOn(t, conn, "ALTER TABLE "+c.Table+" RENAME "+c.Name+" TO elsewhere")
		if err := store.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), c.Table+" lacks columns ("+c.Name+")") {
			t.Errorf("without %s: %v", c, err)
		}
		pgtest.ExecOn(t, conn, "ALTER TABLE "+c.Table+" RENAME elsewhere TO "+c.Name)
	}
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("with all of them: %v", err)
	}
}
