package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/bench/internal/load"
)

const (
	warmup = 300 * time.Millisecond
	// spareRate is how many todos are there to be deleted for each second of a
	// measurement: more than PostgreSQL deletes on two cores.
	spareRate = 40_000
)

// subject is a service on a database, ready to be measured.
type subject struct {
	data    dataset
	tokens  []string
	service *process
	pgbench *pgbench
	conn    *pgx.Conn // For what happens between measurements.
	meter   meter
	fixed   bool  // The data are too many to be stored anew each time.
	changed bool  // They are not as they were stored.
	used    int64 // Numbers of spare todos that were used up, where they are.
}

// sample is one measurement. CPU times are seconds per 1,000 calls.
type sample struct {
	Rate        float64 `json:"rate"`
	P50         float64 `json:"p50_ms"`
	P95         float64 `json:"p95_ms"`
	P99         float64 `json:"p99_ms"`
	ServiceCPU  float64 `json:"service_cpu_s_per_1000"`
	PostgresCPU float64 `json:"postgres_cpu_s_per_1000"`
	BenchCPU    float64 `json:"bench_cpu_s_per_1000"`
	Memory      float64 `json:"service_peak_rss_mib"`
	OfPgbench   float64 `json:"of_pgbench"`        // The rate as a part of pgbench's, 0 when that was not measured.
	Refused     float64 `json:"refused,omitempty"` // Calls that were not answered with a success; the most in any round.
}

// median returns the median of each field by itself, of at least one sample.
func median(samples []sample) sample {
	field := func(get func(*sample) float64) float64 {
		var values []float64
		for i := range samples {
			values = append(values, get(&samples[i]))
		}
		return medianOf(values)
	}
	return sample{
		Rate:        field(func(s *sample) float64 { return s.Rate }),
		P50:         field(func(s *sample) float64 { return s.P50 }),
		P95:         field(func(s *sample) float64 { return s.P95 }),
		P99:         field(func(s *sample) float64 { return s.P99 }),
		ServiceCPU:  field(func(s *sample) float64 { return s.ServiceCPU }),
		PostgresCPU: field(func(s *sample) float64 { return s.PostgresCPU }),
		BenchCPU:    field(func(s *sample) float64 { return s.BenchCPU }),
		Memory:      field(func(s *sample) float64 { return s.Memory }),
		OfPgbench:   field(func(s *sample) float64 { return s.OfPgbench }),
		Refused:     slices.MaxFunc(samples, func(a, b sample) int { return cmp.Compare(a.Refused, b.Refused) }).Refused,
	}
}

func medianOf(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// prepare brings the database to where a scenario begins. It returns what
// there is to delete, nil when the scenario deletes nothing.
func (s *subject) prepare(ctx context.Context, sc scenario, length time.Duration) (spare *deletable, err error) {
	if !sc.writes() && (!s.changed || s.fixed) {
		return nil, nil
	}
	first := s.data.todos + s.used
	count := int64((length + warmup).Seconds() * spareRate * float64(sc.deletes()) / 100)
	if count > 0 {
		spare = &deletable{first: first, count: count}
	}
	s.changed = sc.writes()
	if !s.fixed {
		return spare, s.data.fill(ctx, s.conn, count)
	}
	s.used += count
	if err := s.data.insert(ctx, s.conn, first, first+count, oldest); err != nil {
		return nil, err
	}
	return spare, settle(ctx, s.conn)
}

// measurePgbench returns pgbench's transactions per second in a scenario.
func (s *subject) measurePgbench(ctx context.Context, sc scenario, length time.Duration) (float64, error) {
	// It counts whole seconds, and has no warm-up.
	length = max(time.Second, length.Round(time.Second))
	spare, err := s.prepare(ctx, sc, length)
	if err != nil {
		return 0, err
	}
	rate, err := s.pgbench.run(ctx, sc, length, spare)
	if err == nil && spare != nil {
		err = checkSpare(ctx, s.conn, spare)
	}
	return rate, err
}

// measured runs calls and reads what they cost.
func (s *subject) measured(length time.Duration, run func(load.Window) (*load.Result, error)) (sample, error) {
	if err := forgetPeak(s.service.cmd.Process.Pid); err != nil {
		return sample{}, err
	}
	var before, after usage
	var errBefore, errAfter error
	r, err := run(load.Window{
		Warmup: warmup, Length: length,
		Begin: func() { before, errBefore = s.meter.read() },
		End:   func() { after, errAfter = s.meter.read() },
	})
	if err != nil && !errors.Is(err, load.ErrBehind) {
		return sample{}, err
	}
	memory, errMemory := peakMemory(s.service.cmd.Process.Pid)
	if err := errors.Join(errBefore, errAfter, errMemory); err != nil {
		return sample{}, err
	}
	cost := after.minus(before)
	perThousand := func(d time.Duration) float64 { return d.Seconds() / float64(max(1, r.Latency.Total())) * 1000 }
	milliseconds := func(q float64) float64 { return float64(r.Latency.Quantile(q).Microseconds()) / 1000 }
	return sample{
		Rate: r.Rate(), P50: milliseconds(0.50), P95: milliseconds(0.95), P99: milliseconds(0.99),
		ServiceCPU: perThousand(cost.service), PostgresCPU: perThousand(cost.postgres), BenchCPU: perThousand(cost.bench),
		Memory: float64(memory) / (1 << 20), Refused: float64(r.Refused),
	}, err
}

// measureClosed has so many callers call as fast as they are answered.
func (s *subject) measureClosed(ctx context.Context, c combination, length time.Duration) (sample, error) {
	spare, err := s.prepare(ctx, c.scenario, length)
	if err != nil {
		return sample{}, err
	}
	return s.measured(length, func(w load.Window) (*load.Result, error) {
		return load.Closed(ctx, s.target(c.protocol), c.callers, s.data.sources(c.scenario, spare), w)
	})
}

// measureOpen makes calls at a rate.
func (s *subject) measureOpen(ctx context.Context, c combination, rate int, length time.Duration) (sample, error) {
	spare, err := s.prepare(ctx, c.scenario, length)
	if err != nil {
		return sample{}, err
	}
	return s.measured(length, func(w load.Window) (*load.Result, error) {
		return load.Open(ctx, s.target(c.protocol), rate, s.data.sources(c.scenario, spare)(0), w)
	})
}

func (s *subject) target(p load.Protocol) load.Target {
	return load.Target{Addr: s.service.addr, Protocol: p, Tokens: s.tokens}
}

// close ends the service.
func (s *subject) close() error {
	return errors.Join(s.conn.Close(context.Background()), s.service.stop())
}

// beside returns another service on the same database, which is the first's to close.
func (s *subject) beside(service *process) *subject {
	other := *s
	other.service, other.meter.service, other.changed = service, service.cmd.Process.Pid, true
	return &other
}

// newSmallSubject fills the small database and starts the service on it.
func newSmallSubject(ctx context.Context, st *stack, progress io.Writer) (*subject, error) {
	d := small()
	if err := st.createDatabase(ctx, d.name); err != nil {
		return nil, err
	}
	if err := st.fill(ctx, d); err != nil {
		return nil, err
	}
	return newSubject(ctx, st, d, st.tokens(d.users), progress)
}

// newSubject starts the service on a database that has been filled.
func newSubject(ctx context.Context, st *stack, d dataset, tokens []string, progress io.Writer) (_ *subject, err error) {
	recorded, err := st.record(ctx, d, tokens)
	if err != nil {
		return nil, fmt.Errorf("recording the service's statements: %w", err)
	}
	s := &subject{data: d, tokens: tokens, changed: true}
	if s.pgbench, err = newPgbench(st, d, recorded); err != nil {
		return nil, err
	}
	if s.conn, err = st.connect(ctx, d.name); err != nil {
		return nil, err
	}
	// The recorded calls have deleted it.
	if err := d.insert(ctx, s.conn, recordedTodo, recordedTodo+1, ordinary); err != nil {
		return nil, errors.Join(err, s.conn.Close(ctx))
	}
	var took time.Duration
	if s.service, took, err = st.startService(ctx, st.todod, d.name, ""); err != nil {
		return nil, errors.Join(err, s.conn.Close(ctx))
	}
	postmaster, err := st.postmaster()
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.meter = meter{service: s.service.cmd.Process.Pid, postmaster: postmaster}
	_, err = fmt.Fprintf(progress, "%s: %d users, %d todos; the service was ready after %v\n", d.name, d.users, d.todos, took.Round(time.Millisecond))
	return s, err
}
