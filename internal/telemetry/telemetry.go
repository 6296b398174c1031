// Package telemetry measures the service by OpenTelemetry: metrics for Prometheus, and
// traces by OTLP. The other packages know nothing of it: it reads their statistics when
// it is asked for metrics, and observes requests, statements and batches. What is off is
// not made, so it costs nothing. Start reading at New.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"connectrpc.com/connect"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/server"
)

// Config says what is measured. Logger is required.
type Config struct {
	// Version is the service's.
	Version string
	// Metrics are measured for [Telemetry.Handler].
	Metrics bool
	// TracesURL is where traces are sent, the path /v1/traces included; "" for none.
	TracesURL string
	Logger    *slog.Logger
}

// Telemetry has the metrics and traces of one service.
type Telemetry struct {
	metrics *metrics // nil when they are off.
	traces  *traces  // nil when they are off.
}

// New returns a Telemetry, which has to be closed.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	t := new(Telemetry)
	var err error
	if cfg.TracesURL != "" {
		if t.traces, err = newTraces(ctx, cfg); err != nil {
			return nil, err
		}
	}
	if cfg.Metrics {
		if t.metrics, err = newMetrics(cfg, t.traces); err != nil {
			t.Close(ctx)
			return nil, err
		}
	}
	return t, nil
}

// Requests returns an observer of requests, or nil when nothing is measured.
func (t *Telemetry) Requests() server.Observer {
	if t.metrics == nil {
		return nil
	}
	return t.metrics.requests
}

// Statements returns an observer of statements, or nil when nothing is measured.
func (t *Telemetry) Statements() database.Observer {
	switch {
	case t.metrics == nil && t.traces == nil:
		return nil
	case t.traces == nil:
		return t.metrics.statements
	case t.metrics == nil:
		return t.traces
	}
	return statementObservers{t.metrics.statements, t.traces}
}

// statementObservers are told the same.
type statementObservers []database.Observer

// StatementEnded implements [database.Observer].
func (s statementObservers) StatementEnded(ctx context.Context, r database.StatementReport) {
	for _, observer := range s {
		observer.StatementEnded(ctx, r)
	}
}

// BatchEnded implements [database.Observer].
func (s statementObservers) BatchEnded(r database.BatchReport) {
	for _, observer := range s {
		observer.BatchEnded(r)
	}
}

// Interceptors returns what makes a trace of each call. They have to be the outermost.
func (t *Telemetry) Interceptors() []connect.Interceptor {
	if t.traces == nil {
		return nil
	}
	return t.traces.interceptors()
}

// Handler returns the handler of metrics, or nil when they are off. Before [Telemetry.Read]
// it has only those of the process.
func (t *Telemetry) Handler() http.Handler {
	if t.metrics == nil {
		return nil
	}
	return t.metrics.handler
}

// Read adds the metrics of what the sources are about.
func (t *Telemetry) Read(sources Sources) error {
	if t.metrics == nil {
		return nil
	}
	return t.metrics.read(sources)
}

// Close sends the spans that are left, until ctx ends. Metrics can still be read.
func (t *Telemetry) Close(ctx context.Context) {
	if t.traces != nil {
		t.traces.close(ctx)
	}
}

// errTelemetry begins the errors of New and Read.
var errTelemetry = errors.New("telemetry")
