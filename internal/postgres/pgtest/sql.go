package pgtest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Connect returns a connection that is closed, and its transaction rolled back,
// when the test has ended.
func Connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
		defer cancel()
		_ = conn.Close(ctx) // Nothing is left to save.
	})
	return conn
}

// Exec runs statements in the database at url, on a connection of their own.
func Exec(t testing.TB, url, sql string) {
	t.Helper()
	ExecOn(t, Connect(t, url), sql)
}

// ExecOn runs statements on a connection.
func ExecOn(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("pgtest: %s: %v", sql, err)
	}
}

// QueryText returns a query's one value.
func QueryText(t testing.TB, conn *pgx.Conn, sql string) (text string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql).Scan(&text); err != nil {
		t.Fatalf("pgtest: %s: %v", sql, err)
	}
	return text
}

// Begin starts a transaction with a statement. It ends with the test at the latest.
func Begin(t testing.TB, url, sql string) pgx.Tx {
	t.Helper()
	tx, err := Connect(t, url).Begin(t.Context())
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if _, err := tx.Exec(t.Context(), sql); err != nil {
		t.Fatalf("pgtest: %s: %v", sql, err)
	}
	return tx
}

// LockTable keeps everybody else from reading or writing a table until unlock
// is called or the test ends.
func LockTable(t testing.TB, url, table string) (unlock func()) {
	t.Helper()
	conn := Connect(t, url)
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE "+pgx.Identifier{table}.Sanitize()); err != nil {
		t.Fatalf("pgtest: lock %s: %v", table, err)
	}
	return func() {
		if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Errorf("pgtest: unlock %s: %v", table, err)
		}
	}
}

// WaitForLocked waits until at least count statements in the database at url
// wait for a lock.
func WaitForLocked(t testing.TB, url string, count int) {
	t.Helper()
	conn := Connect(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	for waiting := 0; waiting < count; {
		err := conn.QueryRow(ctx, `
			SELECT count(*)
			FROM   pg_stat_activity
			WHERE  datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			t.Fatalf("pgtest: %d statements wait for a lock, not %d: %v", waiting, count, err)
		}
		time.Sleep(time.Millisecond) // Between two looks.
	}
}

// InBatches returns how many todos in the database at url were written last in a
// transaction that wrote another owner's, too.
func InBatches(t testing.TB, url string) (todos int) {
	t.Helper()
	err := Connect(t, url).QueryRow(t.Context(), `
		SELECT coalesce(sum(written), 0)
		FROM  (SELECT   count(*) AS written
		       FROM     todo
		       GROUP BY xmin::text
		       HAVING   count(DISTINCT user_id) > 1) AS together`).Scan(&todos)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return todos
}
