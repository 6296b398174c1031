package database_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// twoHosts returns a URL that names two servers, of which the first that takes
// writes is meant.
func twoHosts(t *testing.T, first, second *pgtest.Server) string {
	t.Helper()
	one, err := url.Parse(first.URL())
	if err != nil {
		t.Fatal(err)
	}
	two, err := url.Parse(second.URL())
	if err != nil {
		t.Fatal(err)
	}
	one.Host += "," + two.Host
	return pgtest.WithParameter(one.String(), "target_session_attrs", "read-write")
}

// readOnly makes a server as a standby is to its clients, or ends that, for
// connections that a pool has to it already, too: each server process
// hears of a setting in its own time.
func readOnly(t *testing.T, server *pgtest.Server, c *counters, value string) {
	t.Helper()
	conn := pgtest.Connect(t, server.URL())
	pgtest.ExecOn(t, conn, "ALTER SYSTEM SET default_transaction_read_only = "+value)
	pgtest.ExecOn(t, conn, "SELECT pg_reload_conf()")
	changed := func(conn *pgx.Conn) error {
		var got string
		err := conn.QueryRow(t.Context(), "SHOW default_transaction_read_only").Scan(&got)
		if err == nil && got != value {
			err = errors.New("not yet")
		}
		return err
	}
	pgtest.WaitFor(t, "the setting", func() error { return changed(conn) })
	pgtest.WaitFor(t, "the setting on the pool's connections", func() error {
		var errs []error
		for _, conn := range c.Pool().AcquireAllIdle(t.Context()) {
			errs = append(errs, changed(conn.Conn()))
			conn.Release()
		}
		return errors.Join(errs...)
	})
}

func TestWritesFollowThePrimaryToAnotherHost(t *testing.T) {
	t.Parallel()
	first, second := pgtest.StartServer(t, nil), pgtest.StartServer(t, nil)
	for _, server := range []*pgtest.Server{first, second} {
		pgtest.Exec(t, server.URL(), countersSQL)
	}
	b := observe(openCounters(t, twoHosts(t, first, second), 8))
	on := func(server *pgtest.Server, want string) {
		t.Helper()
		if got := pgtest.QueryText(t, pgtest.Connect(t, server.URL()), "SELECT concat(count(*), ' with ', sum(n)) FROM counter"); got != want {
			t.Errorf("counters: %s, want %s", got, want)
		}
	}
	put := func(owner string, id int) func() { return func() { b.mustPut(t, owner, id) } }
	put("u", 1)()
	on(first, "1 with 0")

	// The connections live on, and lead to a standby.
	b.fill(t, 8)
	readOnly(t, first, b.counters, "on")
	b.batch(t, put("v", 2), put("w", 3))()
	if _, err := b.add(t.Context(), "v", 2, ""); err != nil {
		t.Errorf("add: %v", err)
	}
	on(first, "1 with 0")
	on(second, "2 with 1")

	// The connections end with their server.
	readOnly(t, first, b.counters, "off")
	b.fill(t, 8)
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}
	pgtest.WaitFor(t, "the first", func() error {
		_, err := b.put(t.Context(), "x", 4, "")
		return err
	})
	on(first, "2 with 0")
}

// TestALostWriteRenewsTheConnectionsBesideIt has all connections killed: the
// first write to find out is not repeated, those that follow succeed.
func TestALostWriteRenewsTheConnectionsBesideIt(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 16)
	c.mustPut(t, "u", 1)
	c.fill(t, 16)
	pgtest.Exec(t, c.url, terminateOthers)
	var failed int
	for range 16 {
		if _, err := c.add(t.Context(), "u", 1, ""); err != nil {
			failed++
		}
	}
	if failed > 1 {
		t.Errorf("%d writes failed, want one at most", failed)
	}
}

func TestAReadOnlyDatabaseCostsItsReadsNoConnections(t *testing.T) {
	t.Parallel()
	direct := newCounters(t, 1)
	c := openCounters(t, pgtest.WithParameter(direct.url, "options", "-c default_transaction_read_only=on"), 1)
	began := time.Now()
	const writes = 200
	for range writes {
		if _, err := c.put(t.Context(), "u", 1, ""); !errors.Is(err, database.ErrUnavailable) {
			t.Errorf("put: %v, want ErrUnavailable", err)
		}
		if _, err := c.get(t.Context(), "u", 1); !errors.Is(err, errNoCounter) {
			t.Errorf("get: %v, want errNoCounter", err)
		}
	}
	// One at first, and one for each second.
	most := 2 + int64(time.Since(began).Seconds())
	if got := c.Pool().Stat().NewConnsCount(); got > most {
		t.Errorf("%d connections were made for %d writes in vain, want %d at most", got, writes, most)
	}
}
