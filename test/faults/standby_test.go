//go:build linux

package faults

import (
	"context"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"example.com/todo-backend/internal/pglocal"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// standbyName is what a standby calls itself to its primary.
const standbyName = "standby"

// startStandby runs a server that follows another, which can make it its
// synchronous standby by standbyName.
func startStandby(t *testing.T, primary *pgtest.Server) *pglocal.Server {
	t.Helper()
	account := stack.Unprivileged(t)
	dir := stack.FolderFor(t, account)
	programs := stack.Ask[string](t, stack.Session(t, primary.URL()), `SELECT setting FROM pg_config WHERE name = 'BINDIR'`)
	output, code := stack.Run(t, account, nil, filepath.Join(programs, "pg_basebackup"),
		"--pgdata="+filepath.Join(dir, "data"), "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
		"--dbname=host=127.0.0.1 port="+strconv.Itoa(primary.Port())+" user="+pglocal.Superuser+" application_name="+standbyName)
	if code != 0 {
		t.Fatal(output)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*stack.Patience)
	defer cancel()
	server, err := pglocal.Start(ctx, pglocal.Config{
		Dir:        dir,
		Disposable: true,
		Settings:   map[string]string{"synchronous_commit": "on"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func TestReadOnlyStandby(t *testing.T) {
	r := newRow(t, "a read-only standby")
	primary := pgtest.StartServer(t, nil)
	standby := startStandby(t, primary)
	s := startTodod(t, stack.StartIssuer(t), standby.URL("todo"), nil)
	l := load.Start(t, s.URL, s.Issuer, 100)
	during := l.During(3 * time.Second)
	reads := load.StartReads(t, s.URL, s.Issuer, 50)
	r.Try(func(r *report.Row) { served(r, "reads", reads.During(time.Second)) })
	ready := stack.Call(t, stack.NewClient(t, false), http.MethodGet, s.URL+"/readyz", "")

	r.Did("ran the service on one for 3 s at 100 calls/s")
	r.Note("answers", during)
	r.None("answers other than 200 and 503", len(during.Without(http.StatusOK, http.StatusServiceUnavailable)))
	report.AtLeast(r, "writes refused", len(during.With(http.StatusServiceUnavailable)), 10)
	report.Same(r, "/readyz", ready.Status, http.StatusOK)
	report.Same(r, "writes acknowledged", l.Ledger.Acknowledged, 0)
}

func TestFailover(t *testing.T) {
	const rate = 100
	r := newRow(t, "failover from primary to standby")
	primary := pgtest.StartServer(t, nil)
	standby := startStandby(t, primary)
	admin := stack.Session(t, primary.URL())
	stack.Execute(t, admin, `ALTER SYSTEM SET synchronous_standby_names = '`+standbyName+`'`)
	stack.Execute(t, admin, `SELECT pg_reload_conf()`)
	stack.Eventually(t, "the standby follows in synchrony", func() bool {
		return stack.Ask[bool](t, admin, `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')`)
	})
	hosts := "127.0.0.1:" + strconv.Itoa(primary.Port()) + ",127.0.0.1:" + strconv.Itoa(standby.Port())
	s := startTodod(t, stack.StartIssuer(t), "postgres://todo@"+hosts+"/todo?sslmode=disable&target_session_attrs=read-write", nil)
	l := load.Start(t, s.URL, s.Issuer, rate)
	l.During(2 * time.Second)

	mark := s.Mark()
	killed := time.Now()
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // Until somebody notices.
	promoting := stack.Session(t, standby.URL("postgres"))
	if !stack.Ask[bool](t, promoting, `SELECT pg_promote(true, 30)`) {
		t.Fatal("the standby was not promoted")
	}
	promoted := time.Now()
	recovered := l.Recovered(t, promoted)
	during := l.SoFar().Between(killed, promoted.Add(load.RecoveryBound))
	lines, _ := busiest(s.Since(t, mark), 5*time.Second)

	r.Did("killed the primary at %d calls/s, and promoted its synchronous standby %v later", rate, report.Rounded(promoted.Sub(killed)))
	r.Note("answers", during)
	r.None("answers other than 200 and 503", len(during.Without(http.StatusOK, http.StatusServiceUnavailable)))
	report.AtMost(r, "served again within", recovered, load.RecoveryBound)
	report.AtMost(r, "own log lines in 5 s", lines, 3) // That it is away, that it is back, and where the primary is.
	l.Check(r, standby.URL("todo"))
}
