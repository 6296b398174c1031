package database_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// counters is a database with a table of counters. Each belongs to an owner, and says
// how often a write took effect.
type counters struct {
	*database.DB
	url string
}

// errNoCounter says that an owner has no such counter.
var errNoCounter = errors.New("no such counter")

// countersSQL makes the table.
const countersSQL = `
	CREATE TABLE counter (
	    id    int  PRIMARY KEY,
	    owner text NOT NULL,
	    note  text NOT NULL CHECK (note <> 'refused'),
	    n     int  NOT NULL DEFAULT 0
	)`

// newCounters returns a database of the test's own, opened with so many connections.
func newCounters(t *testing.T, conns int, change ...func(*database.Config)) *counters {
	t.Helper()
	url := pgtest.NewEmptyDatabase(t)
	pgtest.Exec(t, url, countersSQL)
	return openCounters(t, url, conns, change...)
}

// openCounters opens the database at url.
func openCounters(t *testing.T, url string, conns int, change ...func(*database.Config)) *counters {
	t.Helper()
	return &counters{DB: databasetest.Open(t, url, conns, change...), url: url}
}

// bounds returns a change of a configuration's bounds.
func bounds(change func(*database.Bounds)) func(*database.Config) {
	return func(c *database.Config) { change(&c.Bounds) }
}

// unbatched has each statement run by itself.
func unbatched(c *database.Config) { c.Batches = 0 }

// run runs a statement, and returns the number in its row.
func (c *counters) run(ctx context.Context, s database.Statement) (int, error) {
	var n int
	s.Read = func(rows pgx.Rows) (err error) {
		n, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
		return err
	}
	err := c.Run(ctx, s)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, errNoCounter
	case err != nil:
		return 0, err
	}
	return n, nil
}

// get reads a counter.
func (c *counters) get(ctx context.Context, owner string, id int) (n int, err error) {
	return c.run(ctx, database.Statement{
		Name: "get", SQL: "SELECT n FROM counter WHERE owner = $1 AND id = $2", Args: []any{owner, id},
	})
}

// put makes a counter, or repeats that.
func (c *counters) put(ctx context.Context, owner string, id int, note string) (n int, err error) {
	return c.run(ctx, database.Statement{
		Name: "put",
		SQL: `
			INSERT INTO counter (owner, id, note) VALUES ($1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note WHERE counter.owner = EXCLUDED.owner
			RETURNING n`,
		Args: []any{owner, id, note}, Owner: owner, Idempotent: true,
	})
}

// add counts, and notes something.
func (c *counters) add(ctx context.Context, owner string, id int, note string) (n int, err error) {
	return c.run(ctx, database.Statement{
		Name: "add", SQL: "UPDATE counter SET n = n + 1, note = $3 WHERE owner = $1 AND id = $2 RETURNING n",
		Args: []any{owner, id, note}, Owner: owner,
	})
}

// remove deletes a counter.
func (c *counters) remove(ctx context.Context, owner string, id int) (n int, err error) {
	return c.run(ctx, database.Statement{
		Name: "remove", SQL: "DELETE FROM counter WHERE owner = $1 AND id = $2 RETURNING n", Args: []any{owner, id}, Owner: owner,
	})
}

// write runs SQL that returns nothing as an owner's write.
func (c *counters) write(ctx context.Context, owner, sql string) error {
	return c.Run(ctx, database.Statement{Name: "write", SQL: sql, Owner: owner, Read: nothing})
}

// nothing reads no row.
func nothing(rows pgx.Rows) error {
	rows.Close()
	return rows.Err()
}

// mustPut makes counters of an owner.
func (c *counters) mustPut(t *testing.T, owner string, ids ...int) {
	t.Helper()
	for _, id := range ids {
		if _, err := c.put(t.Context(), owner, id, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitPut makes u's counter 1 where little time is allowed for it: on a busy machine it may
// take several tries.
func (c *counters) awaitPut(t *testing.T) {
	t.Helper()
	pgtest.WaitFor(t, "a put", func() error {
		_, err := c.put(t.Context(), "u", 1, "")
		return err
	})
}

// wantStored wants a query to have a value.
func (c *counters) wantStored(t *testing.T, sql, want string) {
	t.Helper()
	if got := pgtest.QueryText(t, pgtest.Connect(t, c.url), sql); got != want {
		t.Errorf("%s: %s, want %s", sql, got, want)
	}
}

// takeAll takes so many connections, until free is called.
func (c *counters) takeAll(t *testing.T, conns int) (free func()) {
	t.Helper()
	all := make([]*pgxpool.Conn, conns)
	for i := range all {
		var err error
		if all[i], err = c.Pool().Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	free = sync.OnceFunc(func() {
		for _, conn := range all {
			conn.Release()
		}
	})
	t.Cleanup(free) // Before the pool is closed.
	return free
}

// fill opens as many connections, and leaves them idle.
func (c *counters) fill(t *testing.T, conns int) {
	t.Helper()
	c.takeAll(t, conns)()
}

// wantConnections wants so many connections to have been made so far.
func (c *counters) wantConnections(t *testing.T, want int64) {
	t.Helper()
	if got := c.Pool().Stat().NewConnsCount(); got != want {
		t.Errorf("%d connections were made, want %d", got, want)
	}
}
