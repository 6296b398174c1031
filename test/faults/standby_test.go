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
	"example.com/todo-backend/test/report"
)

// standbyName is what a standby calls itself to its primary.
const standbyName = "standby"

// startStandby runs a server that follows another, which can make it its
// synchronous standby by standbyName.
func startStandby(t *testing.T, primary *pgtest.Server) *pglocal.Server {
	t.Helper()
	account := unprivileged(t)
	dir := folderFor(t, account)
	programs := ask[string](t, session(t, primary.URL()), `SELECT setting FROM pg_config WHERE name = 'BINDIR'`)
	output, code := run(t, account, nil, filepath.Join(programs, "pg_basebackup"),
		"--pgdata="+filepath.Join(dir, "data"), "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
		"--dbname=host=127.0.0.1 port="+strconv.Itoa(primary.Port())+" user="+pglocal.Superuser+" application_name="+standbyName)
	if code != 0 {
		t.Fatal(output)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
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
	s := startTodod(t, startIssuer(t), standby.URL("todo"), nil)
	l := startLoad(t, s.url, s.issuer, 100)
	during := l.during(3 * time.Second)
	reads := startReads(t, s.url, s.issuer, 50).during(time.Second)
	ready := call(t, newClient(t, false), http.MethodGet, s.url+"/readyz", "")

	r.Did("ran the service on one for 3 s at 100 calls/s")
	r.Note("answers", during)
	r.None("answers other than 200 and 503", len(during.without(http.StatusOK, http.StatusServiceUnavailable)))
	report.AtLeast(r, "writes refused", len(during.with(http.StatusServiceUnavailable)), 10)
	r.None("reads failed", len(reads.failed()))
	report.Same(r, "/readyz", ready.status, http.StatusOK)
	report.Same(r, "writes acknowledged", l.ledger.acknowledged, 0)
}

func TestFailover(t *testing.T) {
	const rate = 100
	r := newRow(t, "failover from primary to standby")
	primary := pgtest.StartServer(t, nil)
	standby := startStandby(t, primary)
	admin := session(t, primary.URL())
	execute(t, admin, `ALTER SYSTEM SET synchronous_standby_names = '`+standbyName+`'`)
	execute(t, admin, `SELECT pg_reload_conf()`)
	eventually(t, "the standby follows in synchrony", func() bool {
		return ask[bool](t, admin, `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')`)
	})
	hosts := "127.0.0.1:" + strconv.Itoa(primary.Port()) + ",127.0.0.1:" + strconv.Itoa(standby.Port())
	s := startTodod(t, startIssuer(t), "postgres://todo@"+hosts+"/todo?sslmode=disable&target_session_attrs=read-write", nil)
	l := startLoad(t, s.url, s.issuer, rate)
	l.during(2 * time.Second)

	mark := s.mark()
	killed := time.Now()
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // Until somebody notices.
	promoting := session(t, standby.URL("postgres"))
	if !ask[bool](t, promoting, `SELECT pg_promote(true, 30)`) {
		t.Fatal("the standby was not promoted")
	}
	promoted := time.Now()
	recovered := l.recovered(t, promoted)
	during := l.soFar().between(killed, promoted.Add(recoveryBound))
	lines, _ := busiest(s.since(t, mark), 5*time.Second)

	r.Did("killed the primary at %d calls/s, and promoted its synchronous standby %v later", rate, report.Rounded(promoted.Sub(killed)))
	r.Note("answers", during)
	r.None("answers other than 200 and 503", len(during.without(http.StatusOK, http.StatusServiceUnavailable)))
	report.AtMost(r, "served again within", recovered, recoveryBound)
	report.AtMost(r, "own log lines in 5 s", lines, 2)
	l.check(r, standby.URL("todo"))
}
