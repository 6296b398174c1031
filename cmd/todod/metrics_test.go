package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// family is a metric that was scraped.
type family struct {
	kind, help string
	samples    []sample
}

// sample is a line of a family. Those of a histogram have its name with a suffix.
type sample struct {
	name   string
	labels map[string]string
	value  string
}

// scrape returns the metrics of a service by their names.
func (s *service) scrape(t *testing.T, admin string) map[string]*family {
	t.Helper()
	res := s.ask(t, "GET", admin+"/metrics")
	if res.status != 200 {
		t.Fatalf("%d %s", res.status, res.body)
	}
	line := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)
	label := regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?`)
	families, current := make(map[string]*family), new(family)
	for text := range strings.Lines(res.body) {
		text = strings.TrimSuffix(text, "\n")
		if name, ok := strings.CutPrefix(text, "# HELP "); ok {
			name, help, _ := strings.Cut(name, " ")
			current = &family{help: help}
			families[name] = current
		} else if kind, ok := strings.CutPrefix(text, "# TYPE "); ok {
			_, current.kind, _ = strings.Cut(kind, " ")
		} else if parts := line.FindStringSubmatch(text); parts != nil {
			one := sample{name: parts[1], labels: make(map[string]string), value: parts[3]}
			for _, pair := range label.FindAllStringSubmatch(parts[2], -1) {
				one.labels[pair[1]] = pair[2]
			}
			current.samples = append(current.samples, one)
		} else {
			t.Errorf("a line that is none of Prometheus': %q", text)
		}
	}
	return families
}

// value returns the value of a sample with these labels, in pairs; "" for none.
func value(families map[string]*family, family, name string, labels ...string) string {
	if families[family] == nil {
		return ""
	}
	for _, one := range families[family].samples {
		matches := one.name == name
		for i := 0; i < len(labels); i += 2 {
			matches = matches && one.labels[labels[i]] == labels[i+1]
		}
		if matches {
			return one.value
		}
	}
	return ""
}

// documented is a row of the table of metrics in docs/operations.md.
type documented struct {
	kind   string
	labels []string
}

// documentation returns what docs/operations.md says of metrics, and of the values of
// their labels.
func documentation(t *testing.T) (metrics map[string]documented, values map[string][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	quoted := regexp.MustCompile("`([^`]+)`")
	metrics, values = make(map[string]documented), make(map[string][]string)
	for row := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(row, "|\n "), " | ")
		name := quoted.FindStringSubmatch(cells[0])
		if !strings.HasPrefix(row, "| `") || name == nil {
			continue
		}
		var all []string
		for _, match := range quoted.FindAllStringSubmatch(strings.Join(cells[1:], " | "), -1) {
			all = append(all, match[1])
		}
		if !strings.HasPrefix(name[1], "todod_") {
			values[name[1]] = all
			continue
		}
		one := documented{kind: strings.Trim(cells[1], " |")}
		for _, match := range quoted.FindAllStringSubmatch(cells[2], -1) {
			one.labels = append(one.labels, match[1])
		}
		if len(cells) == 3 { // No labels: the cell between is empty.
			one.labels = nil
		}
		metrics[name[1]] = one
	}
	return metrics, values
}

// statementNames returns the names of all statements in the SQL's package.
func statementNames(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "internal", "postgres", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?:Name: +|Name = |Name, find = )"([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			names = append(names, match[1])
		}
	}
	return names
}

// makeTraffic makes each call over each protocol, and requests of every kind that is
// refused. It returns texts that no metric may have.
func (s *service) makeTraffic(t *testing.T) (canaries []string) {
	t.Helper()
	const user, title = "canary-user", "canary-title"
	canaries = []string{user, title, "canary-path", "canary-id", someID, testOrigin, "canary-origin"}
	for _, way := range ways() {
		client, _ := s.client(t, way, s.issuer.Token(user))
		made, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: title})
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		canaries = append(canaries, made.GetId())
		eachRPC(t, func(rpc protoreflect.MethodDescriptor, sample proto.Message) {
			if id := idOf(rpc); id != nil {
				sample = about(made.GetId(), id, sample)
			}
			if err := call(t.Context(), client, rpc, sample); err != nil {
				t.Errorf("%s %s: %v", way, rpc.Name(), err)
			}
		})
		if _, err := client.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: someID}); connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("%s: %v", way, err)
		}
		stranger, _ := s.client(t, way, "canary-token")
		_, err = stranger.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		checkCode(t, way, err, connect.CodeUnauthenticated)
	}
	s.do(t, "GET", "/canary-path", "")
	s.do(t, "GET", "/api/canary-path", "", s.bearer(user)...)
	s.do(t, "PUT", "/api/todos", "", s.bearer(user)...)
	s.do(t, "POST", "/todo.v1.TodoService/ListTodos", "{}", append(s.bearer(user), "Content-Type", "text/canary-path")...)
	s.do(t, "GET", "/api/todos", "", "X-Canary", strings.Repeat("x", 20<<10))
	s.do(t, "GET", "/api/todos", "")
	s.preflight(t, "https://canary-origin.example", "POST")
	s.preflight(t, testOrigin, "POST")
	s.do(t, "GET", "/readyz", "")
	s.do(t, "GET", "/openapi.yaml", "")
	s.grpcHealth(t, "")
	stream := s.reflection(t)
	if _, err := stream.ListServices(); err != nil {
		t.Error(err)
	}
	s.endReflection(t, stream)
	return canaries
}

// reflectionProcedure is the procedure of a stream that needs no token.
const reflectionProcedure = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

// endReflection ends the only reflection stream. It returns when that has been counted.
func (s *service) endReflection(t *testing.T, stream *grpcreflect.ClientStream) {
	t.Helper()
	if _, err := stream.Close(); err != nil {
		t.Error(err)
	}
	s.logs.wait(t, func(line logLine) bool { return line["procedure"] == reflectionProcedure }, s.done)
}

// addValues adds the values of the labels for which docs/operations.md lists none.
func addValues(t *testing.T, values map[string][]string) {
	t.Helper()
	values["procedure"] = []string{
		"probe", "other", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
		reflectionProcedure, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	}
	for _, rpc := range rpcs() {
		values["procedure"] = append(values["procedure"], fmt.Sprintf("/%s/%s", rpc.Parent().FullName(), rpc.Name()))
	}
	values["code"] = []string{"ok"}
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		values["code"] = append(values["code"], code.String())
	}
	values["statement"] = statementNames(t)
}

func TestMetricsAreAsDocumentedAndTheirLabelsAreBounded(t *testing.T) {
	t.Parallel()
	s, admin := startMeasured(t, nil)
	canaries := s.makeTraffic(t)
	s.logged(t) // By then all requests have been counted.
	got := s.scrape(t, admin)
	docs, values := documentation(t)
	addValues(t, values)

	for name, one := range got {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue // Documented as such.
		}
		row, ok := docs[name]
		if !ok {
			t.Errorf("%s is not documented", name)
			continue
		}
		checkConventions(t, name, one)
		if row.kind != one.kind {
			t.Errorf("%s is a %s, documented as %s", name, one.kind, row.kind)
		}
		for _, sample := range one.samples {
			delete(sample.labels, "le")
			if names := slices.Sorted(maps.Keys(sample.labels)); !slices.Equal(names, slices.Sorted(slices.Values(row.labels))) {
				t.Errorf("%s has the labels %v, documented are %v", name, names, row.labels)
			}
			for label, value := range sample.labels {
				if label != "version" && label != "go_version" && !slices.Contains(values[label], value) {
					t.Errorf("%s: %q is no value of %s", name, value, label)
				}
			}
		}
	}
	for name := range docs {
		if got[name] == nil {
			t.Errorf("%s is documented, but there is none", name)
		}
	}
	text := s.ask(t, "GET", admin+"/metrics").body
	for _, canary := range canaries {
		if strings.Contains(text, canary) {
			t.Errorf("%s is in the metrics", canary)
		}
	}
}

// checkConventions checks a metric against those of Prometheus and OpenMetrics.
func checkConventions(t *testing.T, name string, one *family) {
	t.Helper()
	if !regexp.MustCompile(`^todod_[a-z]+(_[a-z]+)*$`).MatchString(name) {
		t.Errorf("%s is no such name as Prometheus advises", name)
	}
	if strings.HasSuffix(name, "_total") != (one.kind == "counter") {
		t.Errorf("%s is a %s", name, one.kind)
	}
	if one.kind == "histogram" && !strings.HasSuffix(name, "_seconds") && name != "todod_database_batch_size" {
		t.Errorf("%s has no unit in its name", name)
	}
	if regexp.MustCompile(`_(count|sum|bucket|ratio|milliseconds)$`).MatchString(name) {
		t.Errorf("%s has a suffix that means something else", name)
	}
	if one.help == "" {
		t.Errorf("%s has no help", name)
	}
}

func TestMetricsCountWhatHappened(t *testing.T) {
	t.Parallel()
	s, admin := startMeasured(t, nil)
	s.makeTraffic(t)
	s.logged(t)
	got := s.scrape(t, admin)
	const requests = "todod_request_duration_seconds"
	for _, protocol := range []string{"grpc", "grpcweb", "rest"} {
		for _, rpc := range []string{"GetTodo", "ListTodos", "UpdateTodo", "DeleteTodo"} {
			if n := value(got, requests, requests+"_count", "procedure", "/todo.v1.TodoService/"+rpc, "protocol", protocol, "code", "ok"); n != "1" {
				t.Errorf("%s over %s was counted %q times, want 1", rpc, protocol, n)
			}
		}
		if n := value(got, requests, requests+"_count", "procedure", "/todo.v1.TodoService/ListTodos", "protocol", protocol, "code", "unauthenticated"); n == "" {
			t.Errorf("a refused call over %s was not counted", protocol)
		}
	}
	if n := value(got, requests, requests+"_count", "procedure", "/todo.v1.TodoService/GetTodo", "protocol", "connect", "code", "ok"); n != "2" {
		t.Errorf("GetTodo by Connect was counted %q times, want 2: JSON and binary", n)
	}
	for reason, times := range map[string]string{
		"malformed": "5", "no_token": "1", "unknown_path": "2", "wrong_method": "1", "content_type": "1",
		"headers_too_large": "1", "origin_not_allowed": "1",
	} {
		if n := value(got, "todod_refusals_total", "todod_refusals_total", "reason", reason); n != times {
			t.Errorf("%s: %q times, want %s", reason, n, times)
		}
	}
	// On a busy machine, a batch may be late and its statements run again, alone.
	for sample, labels := range map[string][]string{
		"todod_database_batch_duration_seconds": {"lane", "write", "outcome", "committed"},
		"todod_database_batch_size":             {"lane", "write"},
	} {
		if n := value(got, sample, sample+"_count", labels...); n == "" || n == "0" {
			t.Errorf("%s %v is %q, want some", sample, labels, n)
		}
	}
	for _, want := range []struct {
		metric, sample string
		labels         []string
		value          string
	}{
		{requests, requests + "_count", []string{"procedure", "probe", "protocol", "http"}, "2"}, // And that of s.logged.
		{"todod_database_up", "todod_database_up", nil, "1"},
		{"todod_database_connections_limit", "todod_database_connections_limit", nil, "16"},
		{"todod_database_statement_duration_seconds", "todod_database_statement_duration_seconds_count", []string{"statement", "get todo", "outcome", "ok"}, "10"},
		{"todod_keys", "todod_keys", nil, "1"},
		{"todod_watches", "todod_watches", nil, "0"},
		{"todod_watches_limit", "todod_watches_limit", nil, "10000"},
		{"todod_watched_users", "todod_watched_users", nil, "0"},
		{"todod_watch_poll_failures_total", "todod_watch_poll_failures_total", nil, "0"},
		{"todod_keys_fetch_failures_total", "todod_keys_fetch_failures_total", nil, "0"},
		{"todod_connections_limit", "todod_connections_limit", nil, "4096"},
		{"todod_requests_in_flight", "todod_requests_in_flight", nil, "0"},
		{"todod_unread_response_bytes", "todod_unread_response_bytes", nil, "0"},
		{"todod_log_lines_dropped_total", "todod_log_lines_dropped_total", nil, "0"},
		{"todod_draining", "todod_draining", nil, "0"},
	} {
		if got := value(got, want.metric, want.sample, want.labels...); got != want.value {
			t.Errorf("%s %v is %q, want %s", want.sample, want.labels, got, want.value)
		}
	}
}

func TestAStreamIsCountedWhileItIsOpenAndOnceItHasEnded(t *testing.T) {
	t.Parallel()
	s, admin := startMeasured(t, nil)
	stream := s.reflection(t)
	if _, err := stream.ListServices(); err != nil {
		t.Fatal(err)
	}
	if open := value(s.scrape(t, admin), "todod_streams_open", "todod_streams_open", "procedure", reflectionProcedure); open != "1" {
		t.Errorf("%q streams are open, want 1", open)
	}
	s.endReflection(t, stream)
	got := s.scrape(t, admin)
	const duration = "todod_stream_duration_seconds"
	if ended := value(got, duration, duration+"_count", "procedure", reflectionProcedure, "ended", "done"); ended != "1" {
		t.Errorf("%q streams have ended, want 1", ended)
	}
	if open := value(got, "todod_streams_open", "todod_streams_open", "procedure", reflectionProcedure); open != "0" {
		t.Errorf("%q streams are open, want 0", open)
	}
}

func TestMetricsShowADatabaseAndAnIssuerThatAreAway(t *testing.T) {
	t.Parallel()
	s, admin := startMeasured(t, map[string]string{
		"DATABASE_URL":    "postgres://u:p@127.0.0.1:1/todo",
		"BETTER_AUTH_URL": "http://127.0.0.1:1",
	})
	s.do(t, "GET", "/readyz", "")
	s.do(t, "GET", "/api/todos", "", s.bearer("u")...)
	s.logged(t)
	got := s.scrape(t, admin)
	for name, want := range map[string]string{"todod_database_up": "0", "todod_keys": "0", "todod_keys_age_seconds": ""} {
		if got := value(got, name, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"todod_database_connect_failures_total", "todod_keys_fetch_failures_total"} {
		if n := value(got, name, name); n == "0" || n == "" {
			t.Errorf("%s is %q", name, n)
		}
	}
	const statements = "todod_database_statement_duration_seconds"
	if n := value(got, statements, statements+"_count", "statement", "check readiness", "outcome", "unavailable"); n == "" {
		t.Error("no statement was unavailable")
	}
	if n := value(got, "todod_refusals_total", "todod_refusals_total", "reason", "auth_unavailable"); n != "1" {
		t.Errorf("auth_unavailable: %q, want 1", n)
	}
}

// TestEveryReasonOfARefusalIsDocumented reads the reasons where the code has them, since
// a test can't cause them all.
func TestEveryReasonOfARefusalIsDocumented(t *testing.T) {
	t.Parallel()
	_, values := documentation(t)
	for file, pattern := range map[string]string{
		"internal/auth/refusal.go":    `Reason = "([a-z_]+)"`,
		"internal/server/observer.go": `return "([a-z_]+)"`,
		"internal/server/cors.go":     `&preflightError\{"([a-z_]+)"`,
		"internal/server/unread.go":   `&reasonError\{"([a-z_]+)"`,
	} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1)
		if len(found) < 2 {
			t.Errorf("%s has no reasons as %s", file, pattern)
		}
		for _, match := range found {
			if !slices.Contains(values["reason"], match[1]) {
				t.Errorf("%s: the reason %s is not documented", file, match[1])
			}
		}
	}
}

func TestNothingIsMeasuredUnlessAsked(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"DATABASE_URL": pgtest.NewDatabase(t)})
	if text := s.logged(t); strings.Contains(text, "metrics") {
		t.Errorf("metrics are served without ADMIN_ADDR:\n%s", text)
	}
}
