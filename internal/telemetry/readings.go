package telemetry

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// readings are the metrics that are read from a snapshot, all from the same.
type readings struct {
	meter metric.Meter
	all   []reading
	errs  []error
}

// reading is one of them.
type reading struct {
	instrument metric.Float64Observable
	read       func(*snapshot, observe)
}

// observe takes a value of a metric.
type observe func(value float64, labels ...label)

// label is the value of a label.
type label struct{ name, value string }

// one reads a metric that has no labels.
func one(value func(*snapshot) float64) func(*snapshot, observe) {
	return func(s *snapshot, observe observe) { observe(value(s)) }
}

// always reads a constant.
func always(value float64, labels ...label) func(*snapshot, observe) {
	return func(_ *snapshot, observe observe) { observe(value, labels...) }
}

// flag is the value of a metric that says yes or no.
func flag(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (r *readings) gauge(name, unit, description string, read func(*snapshot, observe)) {
	gauge, err := r.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	r.add(gauge, err, read)
}

func (r *readings) counter(name, unit, description string, read func(*snapshot, observe)) {
	counter, err := r.meter.Float64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	r.add(counter, err, read)
}

func (r *readings) add(instrument metric.Float64Observable, err error, read func(*snapshot, observe)) {
	r.all = append(r.all, reading{instrument, read})
	r.errs = append(r.errs, err)
}

// register has all metrics read from a snapshot at each scrape.
func (r *readings) register(take func() *snapshot) error {
	instruments := make([]metric.Observable, len(r.all))
	for i, one := range r.all {
		instruments[i] = one.instrument
	}
	_, err := r.meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		s := take()
		for _, one := range r.all {
			one.read(s, func(value float64, labels ...label) {
				attrs := make([]attribute.KeyValue, len(labels))
				for i, label := range labels {
					attrs[i] = attribute.String(label.name, label.value)
				}
				observer.ObserveFloat64(one.instrument, value, metric.WithAttributes(attrs...))
			})
		}
		return nil
	}, instruments...)
	if err := errors.Join(append(r.errs, err)...); err != nil {
		return fmt.Errorf("%w: %w", errTelemetry, err)
	}
	return nil
}
