package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// otlpCollector is an OpenTelemetry collector that keeps what it gets.
type otlpCollector struct {
	*httptest.Server
	mu     sync.Mutex
	traces []*tracev1.ResourceSpans
}

func startCollector(t *testing.T) *otlpCollector {
	t.Helper()
	c := new(otlpCollector)
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		// An ExportTraceServiceRequest has the same form.
		var got tracev1.TracesData
		if err := proto.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.traces = append(c.traces, got.GetResourceSpans()...)
	}))
	t.Cleanup(c.Close)
	return c
}

// spans returns all spans so far.
func (c *otlpCollector) spans() (all []*tracev1.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range c.traces {
		for _, scope := range resource.GetScopeSpans() {
			all = append(all, scope.GetSpans()...)
		}
	}
	return all
}

// attribute returns the value of an attribute as text.
func attribute(attrs []*commonv1.KeyValue, key string) string {
	i := slices.IndexFunc(attrs, func(kv *commonv1.KeyValue) bool { return kv.GetKey() == key })
	if i < 0 {
		return ""
	}
	switch v := attrs[i].GetValue().GetValue().(type) {
	case *commonv1.AnyValue_StringValue:
		return v.StringValue
	case *commonv1.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *commonv1.AnyValue_DoubleValue:
		return fmt.Sprint(v.DoubleValue)
	}
	return fmt.Sprintf("%T", attrs[i].GetValue().GetValue())
}

func TestACallAndItsStatementAreSpansOfTheCallersTrace(t *testing.T) {
	t.Parallel()
	collector := startCollector(t)
	s := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL + "/"})
	const parent = "b7ad6b7169203331"
	const user, title, description = "canary-user", "canary-title", "canary-description"
	token := s.issuer.Token(user)
	canaries := []string{user, title, description, token, "canary-baggage", "127.0.0.1", someID}
	traces := make(map[string]string) // By way to call.
	for i, way := range ways() {
		traces[way] = fmt.Sprintf("0af7651916cd43dd8448eb211c80319%d", i)
		client, ear := s.client(t, way, token)
		ear.edit = func(req *http.Request) {
			req.Header.Set("Traceparent", "00-"+traces[way]+"-"+parent+"-01")
			req.Header.Set("Baggage", "user=canary-baggage")
			req.Header.Set("X-Request-Id", "create-"+traces[way])
		}
		made, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: title, Description: new(description)})
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		canaries = append(canaries, made.GetId())
		if line := s.logs.request(t, "create-"+traces[way]); line["trace_id"] != traces[way] {
			t.Errorf("%s: the log's trace is %v, want %s", way, line["trace_id"], traces[way])
		}
		_, err = client.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: someID})
		checkCode(t, way, err, connect.CodeNotFound)
	}
	s.grpcHealth(t, "")
	s.stop()
	s.checkEnded(t) // It has sent all spans by then.

	spans := collector.spans()
	for _, way := range ways() {
		calls := find(spans, traces[way], "todo.v1.TodoService/CreateTodo")
		if len(calls) != 1 {
			t.Errorf("%s: %d spans of the call, want 1", way, len(calls))
			continue
		}
		call := calls[0]
		if got := hex.EncodeToString(call.GetParentSpanId()); got != parent || call.GetKind() != tracev1.Span_SPAN_KIND_SERVER {
			t.Errorf("%s: a %v below %s, want a server's below %s", way, call.GetKind(), got, parent)
		}
		if code := attribute(call.GetAttributes(), "rpc.response.status_code"); code != "OK" {
			t.Errorf("%s: the call's code is %q", way, code)
		}
		statements := find(spans, traces[way], "create todo")
		if len(statements) != 1 {
			t.Errorf("%s: %d spans of the statement, want 1", way, len(statements))
			continue
		}
		statement := statements[0]
		if string(statement.GetParentSpanId()) != string(call.GetSpanId()) || statement.GetKind() != tracev1.Span_SPAN_KIND_CLIENT {
			t.Errorf("%s: the statement is a %v below %x, want a client's below %x", way, statement.GetKind(), statement.GetParentSpanId(), call.GetSpanId())
		}
		if statement.GetStartTimeUnixNano() < call.GetStartTimeUnixNano() || statement.GetEndTimeUnixNano() > call.GetEndTimeUnixNano() {
			t.Errorf("%s: the statement is not within its call", way)
		}
		for key, want := range map[string]string{
			"db.system.name": "postgresql", "db.query.summary": "create todo",
			"todod.batch.lane": "write", "db.operation.batch.size": "1",
		} {
			if got := attribute(statement.GetAttributes(), key); got != want {
				t.Errorf("%s: %s is %q, want %q", way, key, got, want)
			}
		}
		if attribute(statement.GetAttributes(), "todod.batch.number") == "" {
			t.Errorf("%s: the statement names no batch", way)
		}
		if missed := find(spans, traces[way], "todo.v1.TodoService/GetTodo"); len(missed) != 1 ||
			attribute(missed[0].GetAttributes(), "rpc.response.status_code") != "NOT_FOUND" {
			t.Errorf("%s: a call that finds nothing: %v", way, missed)
		}
	}
	if len(spans) != 5*len(ways()) {
		t.Errorf("%d spans, want %d: two calls with a statement each, the look for what the second has not found, none of health checks", len(spans), 5*len(ways()))
	}
	collector.mu.Lock()
	defer collector.mu.Unlock()
	for _, resource := range collector.traces {
		if name := attribute(resource.GetResource().GetAttributes(), "service.name"); name != "todod" {
			t.Errorf("the service's name is %q", name)
		}
		text := prototext.Format(resource)
		for _, canary := range canaries {
			if strings.Contains(text, canary) {
				t.Errorf("%s is in the spans:\n%s", canary, text)
			}
		}
	}
}

// find returns the spans of a trace with a name.
func find(spans []*tracev1.Span, trace, name string) (found []*tracev1.Span) {
	for _, span := range spans {
		if hex.EncodeToString(span.GetTraceId()) == trace && span.GetName() == name {
			found = append(found, span)
		}
	}
	return found
}

func TestACallWithoutATraceGetsOne(t *testing.T) {
	t.Parallel()
	collector := startCollector(t)
	s := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL})
	res := s.do(t, "GET", "/api/todos", "", s.bearer("u")...)
	line := s.logs.request(t, res.header.Get("X-Request-Id"))
	s.stop()
	s.checkEnded(t)
	trace, _ := line["trace_id"].(string)
	if calls := find(collector.spans(), trace, "todo.v1.TodoService/ListTodos"); len(calls) != 1 || len(calls[0].GetParentSpanId()) > 0 {
		t.Errorf("the spans of the trace %q: %v", trace, calls)
	}
}

// TestTheErrorOfASpanIsWhatTheCallerGot has a statement fail whose error has more in it.
func TestTheErrorOfASpanIsWhatTheCallerGot(t *testing.T) {
	t.Parallel()
	collector := startCollector(t)
	s := start(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL,
		"DATABASE_URL":                "postgres://u:p@127.0.0.1:1/canary-database",
	})
	res := s.do(t, "GET", "/api/todos", "", s.bearer("u")...)
	line := s.logs.request(t, res.header.Get("X-Request-Id"))
	s.stop()
	s.checkEnded(t)
	trace, _ := line["trace_id"].(string)
	spans := collector.spans()
	calls, statements := find(spans, trace, "todo.v1.TodoService/ListTodos"), find(spans, trace, "list todos")
	if len(calls) != 1 || len(statements) != 1 {
		t.Fatalf("%d calls and %d statements: %v", len(calls), len(statements), spans)
	}
	if status := calls[0].GetStatus(); status.GetCode() != tracev1.Status_STATUS_CODE_ERROR || !strings.Contains(status.GetMessage(), "the database is unavailable at the moment") {
		t.Errorf("the call's status: %v", status)
	}
	if status := statements[0].GetStatus(); status.GetCode() != tracev1.Status_STATUS_CODE_ERROR || status.GetMessage() != "unavailable" {
		t.Errorf("the statement's status: %v", status)
	}
	if text := fmt.Sprint(spans); strings.Contains(text, "canary") || strings.Contains(text, "127.0.0.1") {
		t.Errorf("the spans say too much: %s", text)
	}
}

func TestTheLogHasACallersTraceAlsoWithoutTraces(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const trace = "0af7651916cd43dd8448eb211c80319c"
	res := s.do(t, "GET", "/api/todos", "", "Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	if line := s.logs.request(t, res.header.Get("X-Request-Id")); line["trace_id"] != trace {
		t.Errorf("the log's trace is %v, want %s", line["trace_id"], trace)
	}
	res = s.do(t, "GET", "/api/todos", "")
	if line := s.logs.request(t, res.header.Get("X-Request-Id")); line["trace_id"] != nil {
		t.Errorf("the log's trace is %v, want none", line["trace_id"])
	}
}

func TestACollectorThatFailsCostsNoCallAndOneLogLine(t *testing.T) {
	t.Parallel()
	refuses := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refuses.Close)
	s, admin := startMeasured(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": refuses.URL})
	for n := range 3 { // Each call has a statement.
		if res := s.do(t, "POST", "/api/todos", fmt.Sprintf(`{"title":"%d"}`, n), append(s.bearer("u"), "Content-Type", "application/json")...); res.status != 200 {
			t.Errorf("a call: %d %s", res.status, res.body)
		}
	}
	// They are sent after a few seconds.
	line := s.logs.wait(t, func(line logLine) bool { return line["msg"] == "traces can't be sent" }, s.done)
	if line["level"] != "WARN" || line["spans"] != 6.0 || line["cause"] == "" {
		t.Errorf("the log says %v", line)
	}
	if failed := value(s.scrape(t, admin), "todod_trace_spans_failed_total", "todod_trace_spans_failed_total"); failed != "6" {
		t.Errorf("%q spans have failed, want 6", failed)
	}
}

func TestACollectorThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	asked, hang := make(chan struct{}, 8), make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-hang
	}))
	t.Cleanup(hangs.Close)
	t.Cleanup(func() { close(hang) })
	s := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": hangs.URL})
	if res := s.do(t, "GET", "/api/todos", "", s.bearer("u")...); res.status != 200 {
		t.Errorf("a call: %d %s", res.status, res.body)
	}
	s.stop()
	s.checkEnded(t)
	select {
	case <-asked:
	default:
		t.Error("the collector was not asked")
	}
}
