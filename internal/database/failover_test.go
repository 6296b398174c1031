package database_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
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
// connections that the store has to it already, too: each server process
// hears of a setting in its own time.
func readOnly(t *testing.T, server *pgtest.Server, store *postgres.Store, value string) {
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
	pgtest.WaitFor(t, "the setting on the store's connections", func() error {
		var errs []error
		for _, conn := range store.Pool().AcquireAllIdle(t.Context()) {
			errs = append(errs, changed(conn.Conn()))
			conn.Release()
		}
		return errors.Join(errs...)
	})
}

func TestWritesFollowThePrimaryToAnotherHost(t *testing.T) {
	t.Parallel()
	first, second := pgtest.StartServer(t, nil), pgtest.StartServer(t, nil)
	store := open(t, twoHosts(t, first, second), 4)
	owner := user(t, "u")
	on := func(server *pgtest.Server, want int) {
		t.Helper()
		if got := rows(t, server.URL()); got != want {
			t.Errorf("%d todos, want %d", got, want)
		}
	}
	create(t, store, owner, "on the first")
	on(first, 1)

	// The connections live on, and lead to a standby.
	fill(t, store, 4)
	readOnly(t, first, store, "on")
	created := create(t, store, owner, "on the second")
	on(first, 1)
	on(second, 1)
	if _, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{IsCompleted: new(true)}); err != nil {
		t.Errorf("UpdateTodo: %v", err)
	}

	// The connections end with their server.
	readOnly(t, first, store, "off")
	fill(t, store, 4)
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}
	pgtest.WaitFor(t, "the first", func() error {
		_, err := store.CreateTodo(t.Context(), owner, draft("on the first again"))
		return err
	})
	on(first, 2)
}

// TestALostWriteRenewsTheConnectionsBesideIt has all connections killed: the
// first write to find out is not repeated, those that follow succeed.
func TestALostWriteRenewsTheConnectionsBesideIt(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	fill(t, store, 16)
	pgtest.Exec(t, url, terminateOthers)
	var failed int
	for range 16 {
		if _, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Title: new("new")}); err != nil {
			failed++
		}
	}
	if failed > 1 {
		t.Errorf("%d writes failed, want one at most", failed)
	}
}

func TestAReadOnlyDatabaseCostsItsReadsNoConnections(t *testing.T) {
	t.Parallel()
	store := open(t, pgtest.WithParameter(pgtest.NewDatabase(t), "options", "-c default_transaction_read_only=on"), 1)
	owner := user(t, "u")
	began := time.Now()
	const writes = 200
	for range writes {
		if _, err := store.CreateTodo(t.Context(), owner, draft("t")); !errors.Is(err, todo.ErrUnavailable) {
			t.Errorf("CreateTodo: %v, want ErrUnavailable", err)
		}
		if _, err := store.GetTodo(t.Context(), owner, neverMade()); !errors.Is(err, todo.ErrNotFound) {
			t.Errorf("GetTodo: %v, want ErrNotFound", err)
		}
	}
	// One at first, and one for each second.
	most := 2 + int64(time.Since(began).Seconds())
	if got := store.Pool().Stat().NewConnsCount(); got > most {
		t.Errorf("%d connections were made for %d writes in vain, want %d at most", got, writes, most)
	}
}
