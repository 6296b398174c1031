package telemetry

import (
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// labels keeps the options of each set of label values that was measured, since they
// are expensive to make. Reading takes no lock. The sets are few: no value is a caller's.
type labels struct {
	names []string // At most as many as labelValues has.

	mu      sync.Mutex // Held to add a set.
	current atomic.Pointer[map[labelValues]measurement]
}

// labelValues has the values of labels in the order of their names.
type labelValues [3]string

// measurement has the same attributes for histograms and counters.
type measurement struct {
	record []metric.RecordOption
	add    []metric.AddOption
}

func newLabels(names ...string) *labels {
	l := &labels{names: names}
	l.current.Store(new(map[labelValues]measurement))
	return l
}

// of returns the options of a set of values.
func (l *labels) of(values labelValues) measurement {
	if known, ok := (*l.current.Load())[values]; ok {
		return known
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	attrs := make([]attribute.KeyValue, len(l.names))
	for i, name := range l.names {
		attrs[i] = attribute.String(name, values[i])
	}
	option := metric.WithAttributeSet(attribute.NewSet(attrs...))
	added := measurement{record: []metric.RecordOption{option}, add: []metric.AddOption{option}}
	more := maps.Clone(*l.current.Load())
	if more == nil {
		more = make(map[labelValues]measurement)
	}
	more[values] = added
	l.current.Store(&more)
	return added
}
