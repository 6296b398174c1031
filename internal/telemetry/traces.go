package telemetry

import (
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/server"
)

// traces makes a span of each call and of each of its statements.
type traces struct {
	provider *sdktrace.TracerProvider
	exporter *exporter
	tracer   trace.Tracer
	calls    *otelconnect.Interceptor
}

var _ database.Observer = (*traces)(nil)

func newTraces(ctx context.Context, cfg Config) (*traces, error) {
	// Queue, batch and timeouts are bounded by the SDK's defaults.
	otlp, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.TracesURL))
	if err != nil {
		return nil, fmt.Errorf("%w: the exporter of traces: %w", errTelemetry, err)
	}
	from, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("todod"), semconv.ServiceVersion(cfg.Version)),
		resource.WithFromEnv(), // Last, so that it overrides the name.
	)
	if err != nil {
		return nil, fmt.Errorf("%w: OTEL_RESOURCE_ATTRIBUTES: %w", errTelemetry, err)
	}
	t := &traces{exporter: newExporter(otlp, cfg.Logger)}
	t.provider = sdktrace.NewTracerProvider(sdktrace.WithBatcher(t.exporter), sdktrace.WithResource(from))
	t.tracer = t.provider.Tracer(scope)
	t.calls, err = otelconnect.NewInterceptor(
		otelconnect.WithTracerProvider(t.provider),
		otelconnect.WithPropagator(propagation.TraceContext{}), // Without baggage.
		otelconnect.WithTrustRemote(),                          // The caller's span is the parent.
		otelconnect.WithoutMetrics(),                           // They lack what reaches no RPC, and REST.
		otelconnect.WithFilter(isTraced),
	)
	if err != nil {
		t.close(ctx)
		return nil, fmt.Errorf("%w: %w", errTelemetry, err)
	}
	return t, nil
}

// isTraced reports whether a call gets a span. Health checks come every few seconds.
func isTraced(_ context.Context, spec connect.Spec) bool {
	return !strings.HasPrefix(spec.Procedure, "/grpc.health.v1.Health/")
}

// interceptors returns the interceptors of calls, the outermost first.
func (t *traces) interceptors() []connect.Interceptor {
	return []connect.Interceptor{t.calls, traceIDs{}}
}

// StatementEnded implements [database.Observer]: it makes the span of a statement, below
// that of its call. A statement of no call has none.
func (t *traces) StatementEnded(ctx context.Context, report database.StatementReport) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	attrs := make([]attribute.KeyValue, 0, 7)
	attrs = append(attrs, semconv.DBSystemNamePostgreSQL, semconv.DBQuerySummary(report.Name))
	if batch := report.Batch; batch.Number > 0 {
		attrs = append(attrs,
			semconv.DBOperationBatchSize(batch.Size),
			attribute.String("todod.batch.lane", string(batch.Lane)),
			attribute.Int64("todod.batch.number", batch.Number),
			attribute.Float64("todod.batch.wait", batch.Sent.Sub(report.Began).Seconds()),
		)
	}
	if report.Outcome != database.OutcomeOK {
		attrs = append(attrs, semconv.ErrorTypeKey.String(string(report.Outcome)))
	}
	_, span := t.tracer.Start(ctx, report.Name,
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(report.Began),
		trace.WithAttributes(attrs...),
	)
	if report.Outcome != database.OutcomeOK {
		span.SetStatus(codes.Error, string(report.Outcome))
	}
	span.End(trace.WithTimestamp(report.Began.Add(report.Took)))
}

// BatchEnded implements [database.Observer]. Batches have no spans: those of their
// statements name them.
func (*traces) BatchEnded(database.BatchReport) {}

// close sends the spans that are left, until ctx ends.
func (t *traces) close(ctx context.Context) {
	_ = t.provider.Shutdown(ctx) // The exporter logs what fails.
	t.exporter.stop()
}

// traceIDs notes the trace of each call for the log.
type traceIDs struct{}

var _ connect.Interceptor = traceIDs{}

// WrapUnary implements [connect.Interceptor].
func (traceIDs) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		noteTraceID(ctx)
		return next(ctx, req)
	}
}

// WrapStreamingHandler implements [connect.Interceptor].
func (traceIDs) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		noteTraceID(ctx)
		return next(ctx, conn)
	}
}

// WrapStreamingClient implements [connect.Interceptor]; there are no clients.
func (traceIDs) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func noteTraceID(ctx context.Context) {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		server.SetTraceID(ctx, span.TraceID().String())
	}
}
