package telemetry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"

	"example.com/todo-backend/internal/server"
)

// durations returns the upper bounds of a histogram of calls and statements, in
// seconds. A get takes less than a millisecond; ten seconds are the bound of a call.
func durations() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// requests measures requests and streams.
type requests struct {
	inFlight atomic.Int64

	duration       metric.Float64Histogram
	durationLabels *labels
	stream         metric.Float64Histogram
	streamLabels   *labels
	refusals       metric.Int64Counter
	refusalLabels  *labels
}

var _ server.Observer = (*requests)(nil)

func newRequests(meter metric.Meter) (*requests, error) {
	r := &requests{
		durationLabels: newLabels("procedure", "protocol", "code"),
		streamLabels:   newLabels("procedure", "protocol", "ended"),
		refusalLabels:  newLabels("reason"),
	}
	var errs [3]error
	r.duration, errs[0] = meter.Float64Histogram("todod.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Requests, until the response was written."),
		metric.WithExplicitBucketBoundaries(durations()...))
	r.stream, errs[1] = meter.Float64Histogram("todod.stream.duration", metric.WithUnit("s"),
		metric.WithDescription("Streams that have ended."),
		metric.WithExplicitBucketBoundaries(1, 10, 60, 300, 900, 3600))
	r.refusals, errs[2] = meter.Int64Counter("todod.refusals",
		metric.WithDescription("Requests that were refused or given up, by reason."))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("%w: %w", errTelemetry, err)
	}
	return r, nil
}

// RequestBegan implements [server.Observer].
func (r *requests) RequestBegan() { r.inFlight.Add(1) }

// RequestEnded implements [server.Observer].
func (r *requests) RequestEnded(report server.RequestReport) {
	r.inFlight.Add(-1)
	ctx := context.Background() // Nothing of the request's.
	if report.Refused != "" {
		r.refusals.Add(ctx, 1, r.refusalLabels.of(labelValues{report.Refused}).add...)
	}
	if report.Ended != "" {
		labels := r.streamLabels.of(labelValues{report.Procedure, report.Protocol, report.Ended})
		r.stream.Record(ctx, report.Took.Seconds(), labels.record...)
		return
	}
	labels := r.durationLabels.of(labelValues{report.Procedure, report.Protocol, report.Code})
	r.duration.Record(ctx, report.Took.Seconds(), labels.record...)
}
