package database_test

import (
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// hosts returns a URL that names the hosts of several databases, of which the primary is
// meant.
func hosts(t *testing.T, urls ...string) string {
	t.Helper()
	var all []string
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u.Host)
	}
	u, err := url.Parse(urls[len(urls)-1])
	if err != nil {
		t.Fatal(err)
	}
	u.Host = strings.Join(all, ",")
	return pgtest.WithParameter(u.String(), "target_session_attrs", "read-write")
}

// silent returns the URL of a host that takes connections and never says a word, as a
// server does that is paused.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return "postgres://u@" + listener.Addr().String() + "/todo"
}

// noOtherHosts makes the wait for other hosts' answers short.
func noOtherHosts(b *database.Bounds) { b.OtherHosts = 10 * time.Millisecond }

// TestASilentHostDelaysNoConnection would wait for a minute if the hosts were tried one
// after the other.
func TestASilentHostDelaysNoConnection(t *testing.T) {
	t.Parallel()
	url := pgtest.NewEmptyDatabase(t)
	pgtest.Exec(t, url, countersSQL)
	c := openCounters(t, hosts(t, silent(t), silent(t), url), 4, bounds(noOtherHosts), bounds(func(b *database.Bounds) {
		b.Connect, b.Acquire = time.Hour, 30*time.Second
	}))
	c.mustPut(t, "u", 1)
}

// TestAStandbyIsFoundWhenItIsPromoted promotes it while the search for the primary is
// under way, and another host is silent.
func TestAStandbyIsFoundWhenItIsPromoted(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	pgtest.Exec(t, server.URL(), countersSQL)
	standby := server.StartStandby(t)
	c := openCounters(t, hosts(t, silent(t), standby.URL()), 4, bounds(noOtherHosts), bounds(func(b *database.Bounds) { b.Connect = time.Hour }))
	found := make(chan error, 1)
	go func() {
		_, err := c.put(t.Context(), "u", 1, "")
		found <- err
	}()
	pgtest.WaitFor(t, "a search", func() error {
		if c.Pool().Stat().ConstructingConns() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	standby.Promote(t)
	if err := <-found; err != nil {
		t.Errorf("put: %v", err)
	}
}

// startFormerPrimary returns counters on a primary, which has one, and on its standby: the
// successor, once it is promoted.
func startFormerPrimary(t *testing.T, change ...func(*database.Config)) (c *counters, former, successor *pgtest.Server) {
	t.Helper()
	former = pgtest.StartServer(t, nil)
	pgtest.Exec(t, former.URL(), countersSQL)
	successor = former.StartStandby(t)
	c = openCounters(t, hosts(t, former.URL(), successor.URL()), 4, change...)
	c.mustPut(t, "u", 1)
	return c, former, successor
}

// TestAFormerPrimaryIsUsedNoMore promotes a standby while its primary, the first of the
// hosts, goes on as if nothing had happened.
func TestAFormerPrimaryIsUsedNoMore(t *testing.T) {
	t.Parallel()
	c, former, successor := startFormerPrimary(t)
	c.fill(t, 4)
	successor.Promote(t)

	lose := func(server *pgtest.Server) {
		t.Helper()
		pgtest.Exec(t, server.URL(), terminateOthers)
	}
	lose(former)
	pgtest.WaitFor(t, "a put", func() error { // The first one may fail with its connection.
		_, err := c.put(t.Context(), "u", 2, "")
		return err
	})
	lose(successor)
	pgtest.WaitFor(t, "another put", func() error {
		_, err := c.put(t.Context(), "u", 3, "")
		return err
	})
	if err := successor.Stop(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if n, err := c.get(t.Context(), "u", 1); !errors.Is(err, database.ErrUnavailable) {
			t.Errorf("get from a former primary: %d, %v, want ErrUnavailable", n, err)
		}
	}
	if got := pgtest.QueryText(t, pgtest.Connect(t, former.URL()), "SELECT string_agg(id::text, ',') FROM counter"); got != "1" {
		t.Errorf("the former primary has the counters %s, want 1 alone", got)
	}
}

// TestConnectionsToAFormerPrimaryEndWhenItsSuccessorIsSeen has one connection of several
// lost.
func TestConnectionsToAFormerPrimaryEndWhenItsSuccessorIsSeen(t *testing.T) {
	t.Parallel()
	c, former, successor := startFormerPrimary(t, unbatched)
	conns := c.Pool().AcquireAllIdle(t.Context())
	if len(conns) == 0 {
		t.Fatal("no connection is idle")
	}
	successor.Promote(t)
	kept, err := c.Pool().Acquire(t.Context()) // Another one, which searches nothing: the primary is known.
	if err != nil {
		t.Fatal(err)
	}
	c.SearchPrimary()
	c.mustPut(t, "u", 2) // On a third one, which leads to the successor.
	for _, conn := range append(conns, kept) {
		conn.Release()
	}
	if _, err := c.get(t.Context(), "u", 2); err != nil {
		t.Errorf("get: %v, want the counter that the successor has", err)
	}
	if got := pgtest.QueryText(t, pgtest.Connect(t, former.URL()), "SELECT count(*)::text FROM counter"); got != "1" {
		t.Errorf("the former primary has %s counters, want 1", got)
	}
}

// TestAServerThatFallsSilentIsUnavailable has the server answer neither a statement nor the
// request to cancel it. The connection is given up, since the request may yet come for it.
func TestAServerThatFallsSilentIsUnavailable(t *testing.T) {
	t.Parallel()
	url := pgtest.NewEmptyDatabase(t)
	pgtest.Exec(t, url, countersSQL)
	var isSilent atomic.Bool
	proxied := serve(t, url, func(client net.Conn, database string) {
		if isSilent.Load() {
			_, _ = io.Copy(io.Discard, client) // Until it hangs up.
			return
		}
		relay(client, database, func(client, server net.Conn) {
			said := make([]byte, 1<<16)
			for {
				n, err := server.Read(said)
				if err != nil {
					return
				}
				if !isSilent.Load() {
					_, _ = client.Write(said[:n]) // It fails once the client has hung up.
				}
			}
		})
	})
	c := openCounters(t, proxied, 1, unbatched, bounds(func(b *database.Bounds) { b.Statement, b.Cancel = 200*time.Millisecond, 200*time.Millisecond }))
	pgtest.WaitFor(t, "the machine to be quick enough for one", func() error {
		_, err := c.put(t.Context(), "u", 1, "")
		return err
	})
	made := c.Pool().Stat().NewConnsCount()
	isSilent.Store(true)
	if _, err := c.get(t.Context(), "u", 1); !isLate(err) {
		t.Errorf("get: %v, want ErrUnavailable and no deadline", err)
	}
	isSilent.Store(false)
	pgtest.WaitFor(t, "a get afterwards", func() error {
		_, err := c.get(t.Context(), "u", 1)
		return err
	})
	if c.Pool().Stat().NewConnsCount() == made {
		t.Error("the connection is used again")
	}
}

// TestAQuietProcessAsksBeforeItUsesAnIdleConnection promotes a standby while nothing is
// called. The connections to the former primary live on.
func TestAQuietProcessAsksBeforeItUsesAnIdleConnection(t *testing.T) {
	t.Parallel()
	c, former, successor := startFormerPrimary(t, bounds(func(b *database.Bounds) { b.AskAfter = time.Nanosecond }))
	successor.Promote(t)
	c.mustPut(t, "u", 2)
	if got := pgtest.QueryText(t, pgtest.Connect(t, former.URL()), "SELECT count(*)::text FROM counter"); got != "1" {
		t.Errorf("the former primary has %s counters, want 1", got)
	}
}

// TestARoleWithoutRightsHasNoFence has the server refuse to tell its timeline.
func TestARoleWithoutRightsHasNoFence(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	pgtest.Exec(t, server.URL(), countersSQL+"; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC; CREATE ROLE plain LOGIN; GRANT ALL ON counter TO plain")
	var log pgtest.Log
	u, err := url.Parse(hosts(t, server.URL(), server.URL()))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User("plain")
	c := openCounters(t, u.String(), 1, bounds(noOtherHosts), func(c *database.Config) { c.Logger = log.Logger() })
	c.mustPut(t, "u", 1)
	if got := log.String(); strings.Count(got, "does not tell its timeline") != 1 || strings.Count(got, "the primary is found") != 1 {
		t.Errorf("logged %s, want once where the primary is, and that there is no fence", got)
	}
}
