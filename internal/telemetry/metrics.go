package telemetry

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
)

const (
	// scope names the meter and the tracer.
	scope = "example.com/todo-backend/internal/telemetry"

	// maxScrapes bounds the scrapes at once; Prometheus has two replicas at most.
	maxScrapes = 4
	// scrapeTimeout bounds a scrape. It waits for no database, only for locks.
	scrapeTimeout = 5 * time.Second
)

// metrics measures the service and is scraped by Prometheus.
type metrics struct {
	meter      metric.Meter
	handler    http.Handler
	requests   *requests
	statements *statements
	traces     *traces // May be nil.
	version    string
}

func newMetrics(cfg Config, traces *traces) (*metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// Scope and target are the same for all metrics of the process; todod_build_info
	// has the version.
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry),
		otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithoutTargetInfo(),
	)
	if err != nil {
		return nil, fmt.Errorf("%w: the exporter of metrics: %w", errTelemetry, err)
	}
	m := &metrics{traces: traces, version: cfg.Version}
	// Nothing of it has to be closed.
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(exporter),
		sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter), // They cost an allocation each.
	)
	m.meter = provider.Meter(scope)
	if m.requests, err = newRequests(m.meter); err != nil {
		return nil, err
	}
	if m.statements, err = newStatements(m.meter); err != nil {
		return nil, err
	}
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.HTTPErrorOnError,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
	})
	return m, nil
}

// read registers the metrics that are read from the sources at each scrape.
func (m *metrics) read(sources Sources) error {
	r := &readings{meter: m.meter}
	r.ofProcess(m.version, runtime.Version())
	r.ofRequests()
	r.ofConnections()
	r.ofDatabase()
	r.ofKeys()
	r.ofWatches()
	return r.register(func() *snapshot { return m.snapshot(sources) })
}
