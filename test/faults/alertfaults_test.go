//go:build linux

package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/stack"
)

// connectionsAllowed is MAX_CONNECTIONS of those faults that use them up.
const connectionsAllowed = 20

// alertFaults returns the faults; together they cause all alerts.
func alertFaults(t *testing.T) []alertFault {
	t.Helper()
	return []alertFault{
		{
			name: "killed", done: "killed it", alerts: []string{"TododDown"},
			begin: func(t *testing.T, w *watched) func() {
				w.Kill(t)
				return func() { w.restart(t) }
			},
		},
		{
			name: "restarts", done: "killed and started it over and over", alerts: []string{"TododRestarting"},
			begin: restartOften,
		},
		{
			name: "database stopped", done: "killed the postmaster",
			alerts:    []string{"TododDatabaseDown", "TododErrorBudgetBurnFast", "TododErrorBudgetBurnSlow"},
			ownServer: true, rate: 20,
			begin: func(t *testing.T, w *watched) func() {
				if err := w.server.Kill(); err != nil {
					t.Fatal(err)
				}
				return func() { w.server.Restart(t) }
			},
		},
		{
			name: "no table", done: "renamed the table", alerts: []string{"TododNotReady"},
			begin: func(t *testing.T, w *watched) func() {
				client := stack.NewClient(t, false)
				stop := repeat(t, func() { stack.Call(t, client, http.MethodGet, w.URL+"/readyz", "") })
				pgtest.Exec(t, w.database, "ALTER TABLE todo RENAME TO gone")
				return func() {
					pgtest.Exec(t, w.database, "ALTER TABLE gone RENAME TO todo")
					stop()
				}
			},
		},
		{
			name: "slow writes", done: "made each write take 0.7 s", alerts: []string{"TododSlow", "TododBatchesFailing"},
			rate:  20,
			begin: func(t *testing.T, w *watched) func() { return slowWrites(t, w.database, "700ms") },
		},
		{
			name: "table locked", done: "locked the table, with a pool of 4", alerts: []string{"TododOverloaded"},
			settings: map[string]string{"DATABASE_MAX_CONNS": "4"}, rate: 50,
			begin: func(t *testing.T, w *watched) func() { return pgtest.LockTable(t, w.database, "todo") },
		},
		{
			name: "issuer gone", done: "the issuer left, keys are used for 30 s", alerts: []string{"TododKeysStale", "TododKeysUnavailable"},
			settings: map[string]string{"JWKS_CACHE_TTL": "1", "JWKS_MAX_STALE": "30"},
			begin: func(t *testing.T, w *watched) func() {
				w.Issuer.Leave()
				return func() { w.Issuer.Come(t) }
			},
		},
		{
			name: "wrong tokens", done: "called with tokens of another issuer", alerts: []string{"TododTokensRejected"},
			begin: func(t *testing.T, w *watched) func() {
				client := stack.NewClient(t, false)
				token := "Bearer " + w.Issuer.Token("u", authtest.With("iss", "https://other.example"))
				return repeat(t, func() { stack.Call(t, client, http.MethodGet, w.URL+"/api/todos", "", "Authorization", token) })
			},
		},
		{
			name: "connections refused", done: "kept all connections active and opened more", alerts: []string{"TododConnectionsRefused"},
			settings: map[string]string{"MAX_CONNECTIONS": fmt.Sprint(connectionsAllowed)},
			begin:    refuseConnections,
		},
		{
			name: "connections evicted", done: "opened connections and left them idle", alerts: []string{"TododConnectionsShort"},
			settings: map[string]string{"MAX_CONNECTIONS": fmt.Sprint(connectionsAllowed)},
			begin:    evictConnections,
		},
		{
			name: "too many streams", done: "opened health watches over and over", alerts: []string{"TododStreamsFull"},
			begin: repeatStreams,
		},
		{
			name: "a user stays sealed", done: "left a user sealed, as a move does that was killed", alerts: []string{"TododMoveStuck"},
			rate: 20, begin: leaveSealed,
		},
		{
			name: "log reader stopped", done: "stopped the log's reader", alerts: []string{"TododLogLinesDropped"},
			ownReader: true,
			begin: func(t *testing.T, w *watched) func() {
				w.reader.stop.Lock()
				fillLog(t, w.Todod)
				return w.reader.stop.Unlock
			},
		},
		collectorFails(t),
	}
}

// repeat does something ten times a second, until the returned function is called or the
// test ends.
func repeat(t *testing.T, do func()) (stop func()) {
	t.Helper()
	stopping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			do()
			select {
			case <-ticker.C:
			case <-stopping:
				return
			}
		}
	}()
	var ended atomic.Bool
	stop = func() {
		if !ended.Swap(true) {
			close(stopping)
			<-stopped
		}
	}
	t.Cleanup(stop)
	return stop
}

// restart runs the service again, with the same address for Prometheus.
func (w *watched) restart(t *testing.T) {
	t.Helper()
	w.Todod = startTodod(t, w.Issuer, w.database, w.settings)
}

// restartOften restarts the service each time that Prometheus has seen the last restart.
func restartOften(t *testing.T, w *watched) (end func()) {
	for restarts := range 3 {
		w.Kill(t)
		w.restart(t)
		awaitAlerts(t, "the restart is seen", func() bool {
			return w.prometheus.query(t, fmt.Sprintf("changes(process_start_time_seconds{namespace=%q}[5m]) > %d", w.namespace, restarts)) > 0
		})
	}
	return func() {}
}

// refuseConnections has as many connections with a health watch as there may be, and
// opens more.
func refuseConnections(t *testing.T, w *watched) (end func()) {
	framers := make([]*framer, connectionsAllowed)
	for i := range framers {
		framers[i] = dialHTTP2(t, w.Address, readAll)
		if err := framers[i].grpc(watchPath, true, ""); err != nil {
			t.Fatal(err)
		}
		framers[i].wait(t, "the watch is served", func() bool { return framers[i].of(1).open() })
	}
	stop := repeat(t, func() {
		if conn, err := net.Dial("tcp", w.Address); err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // It works on any connection.
			_, _ = conn.Read(make([]byte, 1))                     // Until the service closes it.
			_ = conn.Close()                                      // It may be.
		}
	})
	return func() {
		stop()
		for _, f := range framers {
			f.close()
		}
	}
}

// evictConnections makes each call over a connection of its own, which it leaves open.
func evictConnections(t *testing.T, w *watched) (end func()) {
	var open []net.Conn
	stop := repeat(t, func() {
		conn, err := net.Dial("tcp", w.Address)
		if err != nil {
			return
		}
		open = append(open, conn)
		_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") // Answered or not.
	})
	end = func() {
		stop()
		for _, conn := range open {
			_ = conn.Close() // Most are closed by the service.
		}
		open = nil
	}
	t.Cleanup(end)
	return end
}

// leaveSealed seals the account of a user who writes.
func leaveSealed(t *testing.T, w *watched) (end func()) {
	client := stack.NewClient(t, false)
	w.Create(t, client, "u")
	pgtest.Exec(t, w.database, "UPDATE todo_account SET sealed = 1 WHERE user_id = 'u'")
	bearer := w.Issuer.Bearer("u")
	stop := repeat(t, func() {
		stack.Call(t, client, http.MethodPost, w.URL+"/api/todos", `{"title":"t"}`, "Authorization", bearer, "Content-Type", stack.ContentTypeJSON)
	})
	return func() {
		pgtest.Exec(t, w.database, "UPDATE todo_account SET sealed = 0 WHERE user_id = 'u'")
		stop()
	}
}

// collectorFails has a collector of traces refuse what it gets.
func collectorFails(t *testing.T) alertFault {
	t.Helper()
	var status atomic.Int32
	status.Store(http.StatusOK)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
	}))
	t.Cleanup(collector.Close)
	return alertFault{
		name: "collector fails", done: "the collector of traces refused them", alerts: []string{"TododTracesLost"},
		settings: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_BSP_SCHEDULE_DELAY": "500"},
		rate:     20,
		begin: func(*testing.T, *watched) func() {
			status.Store(http.StatusBadRequest)
			return func() { status.Store(http.StatusOK) }
		},
	}
}
