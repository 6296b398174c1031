//go:build linux

package faults

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

const dashboardFile = "../../deploy/grafana/dashboard.json"

var picture = flag.String("picture", "", "draw the dashboard's panels into this `file`")

// TestDashboardQueriesAreAccepted asks a real Prometheus, as Grafana would.
func TestDashboardQueriesAreAccepted(t *testing.T) {
	r := newRow(t, "dashboard: queries")
	p := startPrometheus(t, "")
	address := stack.FreeAddress(t)
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), map[string]string{"ADMIN_ADDR": address})
	s.Create(t, stack.NewClient(t, false), "u")
	p.scrape(t, "dashboard", address)
	awaitAlerts(t, "it was scraped", func() bool {
		return p.query(t, `count_over_time(todod_build_info[1m]) >= 4`) > 0 // Of fewer there is no rate.
	})
	content, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	asked, refused, empty := 0, 0, 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expr := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".+").Replace(target.Expr)
			a := stack.Call(t, p.client, http.MethodGet, p.url+"/api/v1/query?query="+url.QueryEscape(expr), "")
			asked++
			if a.Status != http.StatusOK {
				refused++
				t.Errorf("%s: %s: %s", panel.Title, target.Expr, a.Body)
			} else if strings.Contains(a.Body, `"result":[]`) {
				empty++ // Failures, refusals and alerts are of faults, and here is none.
			}
		}
	}
	r.Did("asked Prometheus all queries of the dashboard")
	report.AtLeast(r, "queries", asked, 30)
	r.None("refused", refused)
	report.AtLeast(r, "with a series", asked-refused-empty, 25)
}

// TestDashboardPicture draws the dashboard's panels from a service that meets some faults,
// when it is asked for.
func TestDashboardPicture(t *testing.T) {
	if *picture == "" {
		t.Skip("no -picture")
	}
	const drawer = "../../tools/dashboard-picture.py"
	if output, err := exec.CommandContext(t.Context(), drawer, "-h").CombinedOutput(); err != nil {
		t.Fatalf("%v: apt-get install -y --no-install-recommends python3-matplotlib fonts-liberation\n%s", err, output)
	}
	p := startPrometheus(t, hastened(t))
	server := pgtest.StartServer(t, nil)
	w := &watched{
		prometheus: p, namespace: "picture", database: server.URL(), server: server,
		settings: map[string]string{"ADMIN_ADDR": stack.FreeAddress(t), "JWKS_CACHE_TTL": "5", "JWKS_MAX_STALE": "60", "DATABASE_MAX_CONNS": "8"},
	}
	w.Todod = startTodod(t, stack.StartIssuer(t), w.database, w.settings)
	p.scrape(t, w.namespace, w.settings["ADMIN_ADDR"])
	began := time.Now()
	load.Start(t, w.URL, w.Issuer, 120)
	startCallersOfAllProtocols(t, w)
	var caption []string
	for _, phase := range []struct {
		fault string // "" for calm.
		lasts time.Duration
		begin func() (end func())
	}{
		{lasts: 25 * time.Second},
		{"the table is locked", 15 * time.Second, func() func() { return pgtest.LockTable(t, w.database, "todo") }},
		{lasts: 20 * time.Second},
		{"the database is stopped", 10 * time.Second, func() func() {
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			return func() { server.Restart(t) }
		}},
		{lasts: 20 * time.Second},
		{"each write takes 0.3 s", 15 * time.Second, func() func() { return slowWrites(t, w.database, "300ms") }},
		{lasts: 15 * time.Second},
		{"the issuer is away", 25 * time.Second, func() func() {
			w.Issuer.Leave()
			return func() { w.Issuer.Come(t) }
		}},
		{lasts: 10 * time.Second},
		{"too many health watches", 15 * time.Second, func() func() { return repeatStreams(t, w) }},
		{lasts: 10 * time.Second},
	} {
		end := func() {}
		if phase.begin != nil {
			at := int(time.Since(began).Seconds())
			caption = append(caption, fmt.Sprintf("%d:%02d %s", at/60, at%60, phase.fault))
			end = phase.begin()
		}
		time.Sleep(phase.lasts) // So much of it is drawn.
		end()
	}

	path, err := filepath.Abs(*picture)
	if err != nil {
		t.Fatal(err)
	}
	draw := exec.CommandContext(t.Context(), drawer, dashboardFile, p.url,
		fmt.Sprint(began.Unix()), fmt.Sprint(time.Now().Unix()), strings.Join(caption, "    "), path)
	if output, err := draw.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

// startCallersOfAllProtocols calls over Connect and gRPC, besides the load's REST, and
// probes the service as a load balancer does.
func startCallersOfAllProtocols(t *testing.T, w *watched) {
	t.Helper()
	const list = "/todo.v1.TodoService/ListTodos"
	client, grpc := stack.NewClient(t, false), stack.NewClient(t, true)
	repeat(t, func() {
		for range 3 {
			stack.Call(t, client, http.MethodPost, w.URL+list, `{"pageSize":20}`, "Authorization", w.Issuer.Bearer("connect"), "Content-Type", stack.ContentTypeJSON)
		}
		stack.Call(t, grpc, http.MethodPost, w.URL+list, envelope(""), "Authorization", w.Issuer.Bearer("grpc"), "Content-Type", "application/grpc", "TE", "trailers")
	})
	repeat(t, func() {
		stack.Call(t, client, http.MethodGet, w.URL+"/readyz", "")
		stack.Call(t, client, http.MethodGet, w.URL+"/api/todos", "", "Authorization", "Bearer x")
	})
}

// repeatStreams opens health watches, more than one connection may have.
func repeatStreams(t *testing.T, w *watched) (end func()) {
	t.Helper()
	f := dialHTTP2(t, w.Address, readAll)
	stop := repeat(t, func() {
		if f.ended() || f.grpc(watchPath, true, "") != nil {
			f.close()
			f = dialHTTP2(t, w.Address, readAll)
		}
	})
	return func() {
		stop()
		f.close()
	}
}
