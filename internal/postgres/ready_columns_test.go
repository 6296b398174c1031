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
	rows, err := conn.Query(t.Context(), "SELECT attname::text FROM pg_attribute WHERE attrelid = 'todo'::regclass AND attnum > 0")
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(columns) == 0 {
		t.Fatal(columns, err)
	}
	for _, column := range columns {
		pgtest.ExecOn(t, conn, "ALTER TABLE todo RENAME "+column+" TO elsewhere")
		if err := store.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "lacks columns ("+column+")") {
			t.Errorf("without %s: %v", column, err)
		}
		pgtest.ExecOn(t, conn, "ALTER TABLE todo RENAME elsewhere TO "+column)
	}
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("with all of them: %v", err)
	}
}
