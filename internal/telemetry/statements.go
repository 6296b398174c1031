package telemetry

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/metric"

	"example.com/todo-backend/internal/database"
)

// laneAlone is the lane of statements that are in no batch.
const laneAlone = "alone"

// statements measures statements and batches.
type statements struct {
	duration       metric.Float64Histogram
	durationLabels *labels
	batchSize      metric.Int64Histogram
	sizeLabels     *labels
	batchDuration  metric.Float64Histogram
	batchLabels    *labels
}

var _ database.Observer = (*statements)(nil)

func newStatements(meter metric.Meter) (*statements, error) {
	s := &statements{
		durationLabels: newLabels("statement", "outcome"),
		sizeLabels:     newLabels("lane"),
		batchLabels:    newLabels("lane", "outcome"),
	}
	var errs [3]error
	s.duration, errs[0] = meter.Float64Histogram("todod.database.statement.duration", metric.WithUnit("s"),
		metric.WithDescription("Statements, their waits and runs together."),
		metric.WithExplicitBucketBoundaries(durations()...))
	s.batchSize, errs[1] = meter.Int64Histogram("todod.database.batch.size", metric.WithUnit("{statement}"),
		metric.WithDescription("Statements in a batch."),
		metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64, 128, 256))
	s.batchDuration, errs[2] = meter.Float64Histogram("todod.database.batch.duration", metric.WithUnit("s"),
		metric.WithDescription("Batches, with the wait for a connection."),
		metric.WithExplicitBucketBoundaries(durations()...))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("%w: %w", errTelemetry, err)
	}
	return s, nil
}

// StatementEnded implements [database.Observer].
func (s *statements) StatementEnded(_ context.Context, report database.StatementReport) {
	labels := s.durationLabels.of(labelValues{report.Name, string(report.Outcome)})
	s.duration.Record(context.Background(), report.Took.Seconds(), labels.record...)
}

// BatchEnded implements [database.Observer].
func (s *statements) BatchEnded(report database.BatchReport) {
	ctx, name := context.Background(), string(report.Lane)
	s.batchSize.Record(ctx, int64(report.Size), s.sizeLabels.of(labelValues{name}).record...)
	labels := s.batchLabels.of(labelValues{name, string(report.Outcome)})
	s.batchDuration.Record(ctx, report.Took.Seconds(), labels.record...)
}
