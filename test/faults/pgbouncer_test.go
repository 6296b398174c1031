//go:build linux

package faults

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"github.com/jackc/pgx/v5"
)

// execMode is the mode that the service needs behind a PgBouncer before 1.21.
const execMode = "&default_query_exec_mode=exec"

// pgbouncer is PgBouncer in transaction mode before one server.
type pgbouncer struct {
	*stack.Process
	address string
	config  string
	account *syscall.Credential
	logs    *stack.Logs
}

// startPgBouncer runs it before the server of a database. Settings are lines
// of its configuration.
func startPgBouncer(t *testing.T, database string, settings ...string) *pgbouncer {
	t.Helper()
	b := &pgbouncer{address: stack.FreeAddress(t), account: stack.Unprivileged(t), logs: newLogs()}
	dir := stack.FolderFor(t, b.account)
	host, port, err := net.SplitHostPort(stack.HostOf(database))
	if err != nil {
		t.Fatal(err)
	}
	_, listen, err := net.SplitHostPort(b.address)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(dir, "users.txt")
	lines := append([]string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%s", host, port),
		"[pgbouncer]",
		"pool_mode = transaction",
		"listen_addr = 127.0.0.1",
		"listen_port = " + listen,
		"unix_socket_dir =",
		"auth_type = trust",
		"auth_file = " + users,
		"admin_users = todo",
		"max_client_conn = 500",
		"default_pool_size = 50",
	}, settings...)
	b.config = filepath.Join(dir, "pgbouncer.ini")
	for path, content := range map[string]string{b.config: strings.Join(lines, "\n") + "\n", users: "\"todo\" \"\"\n"} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.start(t)
	return b
}

// start runs it, again on the same port after its end.
func (b *pgbouncer) start(t *testing.T) {
	t.Helper()
	b.Process = stack.Start(t, b.account, nil, b.logs, stack.NeedProgram(t, "pgbouncer", "pgbouncer"), b.config)
	stack.Eventually(t, "PgBouncer listens: "+b.logs.Text(0), func() bool {
		conn, err := net.Dial("tcp", b.address)
		if err == nil {
			_ = conn.Close() // It was only tried.
		}
		return err == nil
	})
}

// console returns a connection to its console, which knows the simple protocol
// alone.
func (b *pgbouncer) console(t *testing.T) *pgx.Conn {
	t.Helper()
	return stack.Session(t, "postgres://todo@"+b.address+"/pgbouncer?sslmode=disable&default_query_exec_mode=simple_protocol")
}

func TestPgBouncer(t *testing.T) {
	const rate = 100
	r := newRow(t, "PgBouncer 1.18, transaction mode")
	database := pgtest.NewDatabase(t)
	// Fewer connections than the service has, so that they change hands.
	b := startPgBouncer(t, database, "default_pool_size = 8")
	version, _ := stack.Run(t, b.account, nil, stack.NeedProgram(t, "pgbouncer", "pgbouncer"), "--version")
	// PgBouncer keeps the service's settings for each of its sessions.
	admin := stack.Session(t, database)
	stack.Execute(t, admin, "ALTER DATABASE "+stack.Ask[string](t, admin, "SELECT current_database()")+" SET DateStyle = 'German, DMY'")
	s := startTodod(t, stack.StartIssuer(t), stack.ThroughHost(database, b.address)+execMode, nil)
	ready := stack.Call(t, stack.NewClient(t, false), http.MethodGet, s.URL+"/readyz", "")
	l := load.Start(t, s.URL, s.Issuer, rate)
	r.Try(func(r *report.Row) { served(r, "calls in the calm", l.During(3*time.Second)) })

	mark, from := s.Mark(), time.Now()
	if err := b.Terminate(t); err != nil && b.State().ExitCode() > 1 {
		t.Fatal(err, b.logs.Text(0))
	}
	b.start(t)
	restarted := l.Recovered(t, time.Now())
	console := b.console(t)
	stack.Execute(t, console, "RELOAD")
	stack.Execute(t, console, "PAUSE")
	time.Sleep(3 * time.Second) // Callers meet it paused.
	stack.Execute(t, console, "RESUME")
	resumed := l.Recovered(t, time.Now())
	during := l.Since(from)

	name, _, _ := strings.Cut(version, "\n")
	r.Did("%s: 3 s of calm, a restart, and a pause of 3 s, at %d calls/s", name, rate)
	report.Same(r, "/readyz", ready.Status, http.StatusOK)
	r.Note("answers to the rest", during)
	r.None("answers other than 200 and 503", len(during.Without(http.StatusOK, http.StatusServiceUnavailable)))
	report.AtMost(r, "slowest", requestsOf(s.Since(t, mark), l.Prefix).Slowest(), callBound)
	report.AtMost(r, "served again after the restart within", restarted, load.RecoveryBound)
	report.AtMost(r, "after the pause", resumed, load.RecoveryBound)
	l.Check(r, database)
}
