//go:build linux

package faults

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"example.com/todo-backend/internal/pglocal"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/stack"
	"example.com/todo-backend/test/syncload"
)

// syncCluster is several processes on a database with a synchronous standby.
type syncCluster struct {
	issuer    *stack.Issuer
	hosts     string // The database's URL with both servers.
	primary   *pgtest.Server
	standby   *pglocal.Server
	bouncer   *pgbouncer
	addresses []string
	processes []*stack.Todod
}

func startSyncCluster(t *testing.T) *syncCluster {
	t.Helper()
	c := &syncCluster{issuer: stack.StartIssuer(t), primary: pgtest.StartServer(t, nil)}
	c.standby = startStandby(t, c.primary)
	admin := stack.Session(t, c.primary.URL())
	stack.Execute(t, admin, `ALTER SYSTEM SET synchronous_standby_names = '`+standbyName+`'`)
	stack.Execute(t, admin, `SELECT pg_reload_conf()`)
	c.awaitStandby(t)
	c.hosts = "postgres://todo@127.0.0.1:" + strconv.Itoa(c.primary.Port()) + ",127.0.0.1:" + strconv.Itoa(c.standby.Port()) +
		"/todo?sslmode=disable&target_session_attrs=read-write"
	c.bouncer = startPgBouncer(t, c.primary.URL(), "default_pool_size = 20", "server_login_retry = 1")
	for range syncProcesses {
		c.addresses = append(c.addresses, stack.FreeAddress(t))
	}
	c.processes = make([]*stack.Todod, syncProcesses)
	for i := range c.processes {
		c.start(t, i)
	}
	return c
}

// start starts a process, where it was before.
func (c *syncCluster) start(t *testing.T, i int) {
	t.Helper()
	url := c.hosts
	if i%2 == 1 {
		url = stack.ThroughHost(c.primary.URL(), c.bouncer.address) + execMode
	}
	c.processes[i] = startTodod(t, c.issuer, url, map[string]string{
		"LISTEN_ADDR": c.addresses[i], "WATCHES_PER_USER": "100", "TRASH_RETENTION": "1", "LOG_LEVEL": "info",
	})
}

// clients returns a client of each process, which it stays when the process comes back.
func (c *syncCluster) clients(t *testing.T) (clients []*syncload.Client) {
	for _, p := range c.processes {
		clients = append(clients, syncload.NewClient(t, p.URL, false))
	}
	return clients
}

// awaitStandby waits until the standby has all that the primary has, and commits wait for it.
func (c *syncCluster) awaitStandby(t *testing.T) {
	t.Helper()
	admin := stack.Session(t, c.primary.URL())
	stack.Eventually(t, "the standby follows in synchrony", func() bool {
		return stack.Ask[bool](t, admin, `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')`)
	})
}

func (c *syncCluster) crash(t *testing.T, i int) {
	t.Helper()
	c.processes[i].Kill(t)
	c.start(t, i)
}

func (c *syncCluster) drain(t *testing.T, i int) {
	t.Helper()
	if err := c.processes[i].Terminate(t); err != nil {
		t.Errorf("a process that drains: %v", err)
	}
	c.start(t, i)
}

func (c *syncCluster) terminateBackends(t *testing.T) {
	t.Helper()
	stack.Ask[int](t, stack.Session(t, c.primary.URL()), `
		SELECT count(pg_terminate_backend(pid))
		FROM   pg_stat_activity
		WHERE  datname = current_database() AND pid <> pg_backend_pid()`)
}

func (c *syncCluster) restartPrimary(t *testing.T) {
	t.Helper()
	if err := c.primary.Kill(); err != nil {
		t.Fatal(err)
	}
	c.primary.Restart(t)
	c.awaitStandby(t)
}

func (c *syncCluster) restartBouncer(t *testing.T) {
	t.Helper()
	c.bouncer.Kill(t)
	c.bouncer.start(t)
}

// failOver kills the primary for good, makes the standby the primary, and has PgBouncer
// know. Only the primary's first process is killed: the others live on for a moment, wait
// for the standby no more, and show readers commits that it has not.
func (c *syncCluster) failOver(t *testing.T) {
	t.Helper()
	if err := c.primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if !stack.Ask[bool](t, stack.Session(t, c.standby.URL("postgres")), `SELECT pg_promote(true, 30)`) {
		t.Fatal("the standby was not promoted")
	}
	config, err := os.ReadFile(c.bouncer.config)
	if err != nil {
		t.Fatal(err)
	}
	config = regexp.MustCompile(`(?m)^\* = .*$`).ReplaceAll(config, []byte("* = host=127.0.0.1 port="+strconv.Itoa(c.standby.Port())))
	if err := os.WriteFile(c.bouncer.config, config, 0o600); err != nil {
		t.Fatal(err)
	}
	stack.Execute(t, c.bouncer.console(t), "RELOAD")
}
