package telemetry

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/server"
)

func newMeasured(t testing.TB, cfg Config) *Telemetry {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	measured, err := New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { measured.Close(context.Background()) })
	return measured
}

// TestWhatIsOffIsNotMade also holds that nobody is handed an interface with nothing in
// it, which would not be nil.
func TestWhatIsOffIsNotMade(t *testing.T) {
	t.Parallel()
	const url = "http://127.0.0.1:1/v1/traces"
	for _, test := range []struct {
		name                                        string
		cfg                                         Config
		requests, statements, interceptors, handler bool
	}{
		{"nothing", Config{}, false, false, false, false},
		{"metrics", Config{Metrics: true}, true, true, false, true},
		{"traces", Config{TracesURL: url}, false, true, true, false},
		{"both", Config{Metrics: true, TracesURL: url}, true, true, true, true},
	} {
		m := newMeasured(t, test.cfg)
		if got := m.Requests() != nil; got != test.requests {
			t.Errorf("%s: observes requests: %t", test.name, got)
		}
		if got := m.Statements() != nil; got != test.statements {
			t.Errorf("%s: observes statements: %t", test.name, got)
		}
		if got := len(m.Interceptors()) > 0; got != test.interceptors {
			t.Errorf("%s: intercepts: %t", test.name, got)
		}
		if got := m.Handler() != nil; got != test.handler {
			t.Errorf("%s: serves metrics: %t", test.name, got)
		}
		if err := m.Read(Sources{}); err != nil { // They are read at a scrape.
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// measure is what a get makes of measurements.
func measure(m *Telemetry) func() {
	requests, statements, ctx := m.Requests(), m.Statements(), context.Background()
	return func() {
		requests.RequestBegan()
		statements.BatchEnded(database.BatchReport{Size: 5, Took: time.Millisecond, Outcome: database.BatchCommitted})
		statements.StatementEnded(ctx, database.StatementReport{Name: "get todo", Took: time.Millisecond, Outcome: database.OutcomeOK})
		requests.RequestEnded(server.RequestReport{
			Procedure: "/todo.v1.TodoService/GetTodo", Protocol: "connect", Code: "ok", Took: time.Millisecond,
		})
	}
}

func TestAMeasurementAllocatesNothing(t *testing.T) { //nolint:paralleltest // All the process allocates is counted.
	if got := testing.AllocsPerRun(1000, measure(newMeasured(t, Config{Metrics: true}))); got > 0 {
		t.Errorf("%v allocations, want none", got)
	}
}

// BenchmarkMeasurements measures what a get, in a batch of its own, costs more.
func BenchmarkMeasurements(b *testing.B) {
	get := measure(newMeasured(b, Config{Metrics: true}))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			get()
		}
	})
}
