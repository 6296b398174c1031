//go:build linux

package faults

import (
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// slowWrites makes each write of a todo take longer in the database, until the
// returned function is called.
func slowWrites(t *testing.T, database, duration string) (stop func()) {
	t.Helper()
	pgtest.Exec(t, database, `
		CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN PERFORM pg_sleep_for('`+duration+`'); RETURN COALESCE(NEW, OLD); END $$;
		CREATE TRIGGER slow BEFORE INSERT OR UPDATE OR DELETE ON todo FOR EACH ROW EXECUTE FUNCTION slow();`)
	return func() { pgtest.Exec(t, database, "DROP TRIGGER slow ON todo") }
}
