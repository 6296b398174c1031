package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// small is the dataset that most is measured on.
func small() dataset { return dataset{name: "small", users: 1000, todos: 100_000} }

// starts is how many times the service is started to see how long it takes.
const starts = 9

// bench measures everything.
func bench(ctx context.Context, o options, progress io.Writer) (_ *results, err error) {
	began := time.Now()
	st, err := newStack(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	r := &results{settings: o.settings, window: o.window, rounds: o.rounds}
	if r.machine, err = describe(ctx, st); err != nil {
		return nil, err
	}
	if err := benchSmall(ctx, o, st, r, progress); err != nil {
		return nil, err
	}
	if o.large.todos > 0 {
		o.large.dated = true
		s, err := newLargeSubject(ctx, st, o.large, progress)
		if err != nil {
			return nil, err
		}
		r.large, r.largeLimits, err = closedLoop(ctx, o, s, o.largePlan, progress)
		if err := errors.Join(err, s.close()); err != nil {
			return nil, err
		}
	}
	r.took = time.Since(began)
	return r, nil
}

func benchSmall(ctx context.Context, o options, st *stack, r *results, progress io.Writer) (err error) {
	s, err := newSmallSubject(ctx, st, true, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if r.ready, err = measureStarts(ctx, st, s.data); err != nil {
		return err
	}
	if r.closed, r.limits, err = closedLoop(ctx, o, s, o.plan, progress); err != nil {
		return err
	}
	r.paced, err = paced(ctx, o, s, r.closed, progress)
	return err
}

// newSmallSubject fills the small database and starts the service on it.
func newSmallSubject(ctx context.Context, st *stack, dated bool, progress io.Writer) (*subject, error) {
	d := small()
	d.dated = dated
	return newSubjectOn(ctx, st, d, progress)
}

// newSubjectOn makes and fills a database, and starts the service on it.
func newSubjectOn(ctx context.Context, st *stack, d dataset, progress io.Writer) (*subject, error) {
	if err := st.createDatabase(ctx, d.name); err != nil {
		return nil, err
	}
	if err := st.fill(ctx, d); err != nil {
		return nil, err
	}
	return newSubject(ctx, st, d, progress)
}

// newLargeSubject fills a large database, with PostgreSQL set up for that, and
// starts PostgreSQL as before and the service on it.
func newLargeSubject(ctx context.Context, st *stack, d dataset, progress io.Writer) (*subject, error) {
	start := time.Now()
	if err := st.createDatabase(ctx, d.name); err != nil {
		return nil, err
	}
	if err := st.restartServer(ctx, map[string]string{
		"wal_level": "minimal", "max_wal_senders": "0", "fsync": "off", "max_wal_size": "8GB", "autovacuum": "off",
	}); err != nil {
		return nil, err
	}
	if err := st.fill(ctx, d); err != nil {
		return nil, err
	}
	if err := st.restartServer(ctx, nil); err != nil {
		return nil, err
	}
	syscall.Sync() // What was not written out yet is not to be while something is measured.
	_, _ = fmt.Fprintf(progress, "%s: filled in %v\n", d.name, time.Since(start).Round(time.Second))
	return newSubject(ctx, st, d, progress)
}

// measureStarts returns the median time from the start of the process to its
// first 200 from /readyz, in milliseconds.
func measureStarts(ctx context.Context, st *stack, d dataset) (float64, error) {
	var times []float64
	for range starts {
		p, took, err := st.startService(ctx, st.todod, d.name, "")
		if err != nil {
			return 0, err
		}
		if err := p.stop(); err != nil {
			return 0, err
		}
		times = append(times, float64(took.Microseconds())/1000)
	}
	return medianOf(times), nil
}

// found is what rounds have measured, by scenario and by combination.
type found struct {
	pgbench map[string][]float64
	samples map[string][]sample
}

// closedLoop measures each scenario with pgbench and the service in turn,
// several times over, and returns medians: of the service's combinations, and of
// pgbench by scenario.
func closedLoop(ctx context.Context, o options, s *subject, plan func(scenario) []combination, progress io.Writer) (lines []line, limits map[string]float64, err error) {
	f := found{make(map[string][]float64), make(map[string][]sample)}
	for round := range o.rounds {
		_, _ = fmt.Fprintf(progress, "%s: round %d of %d\n", s.data.name, round+1, o.rounds)
		for _, sc := range scenarios() {
			if err := f.measure(ctx, s, sc, rotated(plan(sc), round), o.window, progress); err != nil {
				return nil, nil, err
			}
		}
	}
	limits = make(map[string]float64)
	for name, rates := range f.pgbench {
		limits[name] = medianOf(rates)
	}
	for _, sc := range scenarios() {
		for _, c := range plan(sc) {
			lines = append(lines, line{combination: c, sample: median(f.samples[c.String()])})
		}
	}
	return lines, limits, nil
}

// measure measures a scenario once, pgbench first.
func (f found) measure(ctx context.Context, s *subject, sc scenario, combinations []combination, length time.Duration, progress io.Writer) error {
	if len(combinations) == 0 {
		return nil
	}
	most, err := s.measurePgbench(ctx, sc, length)
	if err != nil {
		return fmt.Errorf("%s: %w", sc.name, err)
	}
	f.pgbench[sc.name] = append(f.pgbench[sc.name], most)
	_, _ = fmt.Fprintf(progress, "%s: pgbench: %.0f/s\n", sc.name, most)
	for _, c := range combinations {
		got, err := s.measure(ctx, c, 0, length)
		if err != nil {
			return err
		}
		got.ofPgbench = got.rate / most
		f.samples[c.String()] = append(f.samples[c.String()], got)
		_, _ = fmt.Fprintf(progress, "%v: %.0f/s\n", c, got.rate)
	}
	return nil
}

// paced measures latency below the highest rate, which is the scenario's and
// protocol's with the usual number of callers. Many callers pause at random
// between calls, for as long as offers a part of that rate. vegeta would hold the
// rate however long answers take, but needs 0.12 to 0.15 ms of CPU a call, where wrk
// with pauses needs 0.05: at half the highest rate, vegeta fills the cores.
func paced(ctx context.Context, o options, s *subject, closed []line, progress io.Writer) ([]line, error) {
	highest := make(map[string]float64)
	for _, l := range closed {
		highest[l.combination.String()] = l.rate
	}
	var lines []line
	for _, sc := range scenarios() {
		for _, c := range o.pacedPlan(sc) {
			for _, part := range []float64{0.25, 0.50, 0.75} {
				offered := highest[c.String()] * part
				c := combination{sc, c.protocol, mostCallers}
				var samples []sample
				for range o.rounds {
					got, err := s.measure(ctx, c, time.Duration(mostCallers/offered*float64(time.Second)), o.window)
					if err != nil {
						return nil, err
					}
					samples = append(samples, got)
				}
				l := line{combination: c, offered: offered, part: part, sample: median(samples)}
				lines = append(lines, l)
				_, _ = fmt.Fprintf(progress, "paced: %v at %.0f/s: p99 %.2f ms\n", c, offered, l.p99)
			}
		}
	}
	return lines, nil
}
