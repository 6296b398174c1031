package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exportLogInterval is the least time between two log lines about spans that were not
// sent. A collector that is down is no reason to fill the log.
const exportLogInterval = time.Minute

// exporter counts the spans that another exporter sends, and logs its failures now and
// then. The SDK would write them to stderr.
type exporter struct {
	next   sdktrace.SpanExporter
	logger *slog.Logger

	stopping context.Context //nolint:containedctx // The exporter's own: it ends an export in flight.
	stop     context.CancelFunc

	exported, failed atomic.Int64 // Spans.

	mu       sync.Mutex
	loggedAt time.Time
	unlogged int // Spans that failed since.
}

var _ sdktrace.SpanExporter = (*exporter)(nil)

func newExporter(next sdktrace.SpanExporter, logger *slog.Logger) *exporter {
	e := &exporter{next: next, logger: logger}
	e.stopping, e.stop = context.WithCancel(context.Background())
	return e
}

// ExportSpans implements [sdktrace.SpanExporter]. It never fails.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.stopping, cancel)()
	if err := e.next.ExportSpans(ctx, spans); err != nil {
		e.failed.Add(int64(len(spans)))
		e.log(ctx, len(spans), err)
		return nil
	}
	e.exported.Add(int64(len(spans)))
	return nil
}

func (e *exporter) log(ctx context.Context, spans int, err error) {
	e.mu.Lock()
	e.unlogged += spans
	now := time.Now()
	if !e.loggedAt.IsZero() && now.Sub(e.loggedAt) < exportLogInterval {
		e.mu.Unlock()
		return
	}
	e.loggedAt = now
	lost := e.unlogged
	e.unlogged = 0
	e.mu.Unlock()
	e.logger.WarnContext(ctx, "traces can't be sent", "spans", lost, "cause", err.Error())
}

// Shutdown implements [sdktrace.SpanExporter].
func (e *exporter) Shutdown(ctx context.Context) error { return e.next.Shutdown(ctx) }
