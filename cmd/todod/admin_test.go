package main

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// startMeasured is start for a service with an address for operators, which it returns.
func startMeasured(t *testing.T, settings map[string]string) (s *service, admin string) {
	t.Helper()
	all := map[string]string{"ADMIN_ADDR": "127.0.0.1:0"}
	maps.Copy(all, settings)
	s = start(t, all)
	line := s.logs.wait(t, func(line logLine) bool { return line["msg"] == "serving metrics and profiles" }, s.done)
	addr, _ := line["addr"].(string)
	return s, "http://" + addr
}

// ask sends a request to the address of operators.
func (s *service) ask(t *testing.T, method, url string) *response {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // Also while the test's own is over.
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.http.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return read(t, res)
}

func TestOperatorsHaveMetricsAndProfiles(t *testing.T) {
	t.Parallel()
	s, admin := startMeasured(t, nil)
	for _, test := range []struct {
		method, path string
		status       int
		contains     string
	}{
		{"GET", "/metrics", 200, "todod_build_info{"},
		{"GET", "/debug/pprof/", 200, "goroutine"},
		{"GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		{"GET", "/debug/pprof/heap", 200, ""},
		{"GET", "/debug/pprof/profile?seconds=1", 200, ""},
		{"POST", "/metrics", 405, ""},
		{"GET", "/", 404, ""},
		{"GET", "/metrics/", 404, ""},
		{"GET", "/debug/pprof/cmdline", 404, ""},
		{"GET", "/debug/vars", 404, ""},
		{"GET", "/api/todos", 404, ""},
		{"GET", "/livez", 404, ""},
	} {
		res := s.ask(t, test.method, admin+test.path)
		if res.status != test.status || !strings.Contains(res.body, test.contains) {
			t.Errorf("%s %s: %d %.200q, want %d with %q", test.method, test.path, res.status, res.body, test.status, test.contains)
		}
	}
}

func TestATakenAdminPortFailsTheStart(t *testing.T) {
	t.Parallel()
	_, admin := startMeasured(t, nil)
	settings := required()
	settings["LISTEN_ADDR"], settings["ADMIN_ADDR"] = "127.0.0.1:0", strings.TrimPrefix(admin, "http://")
	err := run(t.Context(), []string{"serve"}, func(name string) string { return settings[name] }, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "ADMIN_ADDR") || !strings.Contains(err.Error(), "address already in use") {
		t.Error(err)
	}
}

func TestMetricsAreServedUntilTheDrainHasEnded(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	s, admin := startMeasured(t, map[string]string{"DATABASE_URL": database})
	unlock := pgtest.LockTable(t, database, "todo")
	called := make(chan struct{})
	go func() {
		defer close(called)
		s.do(t, "POST", "/api/todos", `{"title": "t"}`, append(s.bearer("u"), "Content-Type", "application/json")...)
	}()
	pgtest.WaitForLocked(t, database, 1)
	s.stop()
	s.logs.wait(t, func(line logLine) bool { return line["msg"] == "draining" }, nil)
	text := s.ask(t, "GET", admin+"/metrics").body
	for _, want := range []string{"\ntodod_draining 1\n", "\ntodod_requests_in_flight 1\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("while draining there is no line %q in:\n%s", want, text)
		}
	}
	unlock()
	<-called
	s.checkEnded(t)
	req, err := http.NewRequestWithContext(t.Context(), "GET", admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := s.http.Do(req); err == nil {
		_ = res.Body.Close()
		t.Error("metrics are served after the end")
	}
}

// TestAHangingScrapeDoesNotHoldUpTheEnd has an operator measure for longer than the
// process lives. A process has one execution trace at a time, so no other test may
// make one.
func TestAHangingScrapeDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	s, admin := startMeasured(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", admin+"/debug/pprof/trace?seconds=3600", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.http.Do(req) // It returns with the headers.
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("a trace: %d", res.StatusCode)
	}
	s.stop()
	s.checkEnded(t)
}
