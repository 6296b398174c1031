package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"example.com/todo-backend/bench/internal/load"
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
	r := &results{Settings: o.settings, Window: o.window.Seconds(), Rounds: o.rounds}
	if r.Machine, err = describe(ctx, st); err != nil {
		return nil, err
	}
	if r.Generator, err = measureGenerator(ctx, o, progress); err != nil {
		return nil, err
	}
	if err := benchSmall(ctx, o, st, r, progress); err != nil {
		return nil, err
	}
	if o.large.todos > 0 {
		if err := benchLarge(ctx, o, st, r, progress); err != nil {
			return nil, err
		}
	}
	r.Took = time.Since(began).Seconds()
	return r, nil
}

func benchSmall(ctx context.Context, o options, st *stack, r *results, progress io.Writer) (err error) {
	s, err := newSmallSubject(ctx, st, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if r.Ready, err = measureStarts(ctx, st, s.data); err != nil {
		return err
	}
	if r.Closed, r.Pgbench, err = closedLoop(ctx, o, s, o.plan, progress); err != nil {
		return err
	}
	if r.Open, err = openLoop(ctx, o, s, r.Closed, progress); err != nil {
		return err
	}
	return countAllocations(ctx, o, st, s, r.Closed, progress)
}

// benchLarge fills the large database with PostgreSQL set up for that, and
// measures with it set up as before.
func benchLarge(ctx context.Context, o options, st *stack, r *results, progress io.Writer) (err error) {
	d := o.large
	tokens := st.tokens(d.users)
	if err := st.createDatabase(ctx, d.name); err != nil {
		return err
	}
	if err := st.restartServer(ctx, map[string]string{
		"wal_level": "minimal", "max_wal_senders": "0", "fsync": "off", "max_wal_size": "8GB", "autovacuum": "off",
	}); err != nil {
		return err
	}
	start := time.Now()
	if err := st.fill(ctx, d); err != nil {
		return err
	}
	if err := st.restartServer(ctx, nil); err != nil {
		return err
	}
	syscall.Sync() // What was not written out yet is not to be while something is measured.
	_, _ = fmt.Fprintf(progress, "%s: filled in %v\n", d.name, time.Since(start).Round(time.Second))
	s, err := newSubject(ctx, st, d, tokens, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.fixed = true
	r.Large, r.LargePgbench, err = closedLoop(ctx, o, s, o.largePlan, progress)
	return err
}

// fill fills a database.
func (s *stack) fill(ctx context.Context, d dataset) error {
	conn, err := s.connect(ctx, d.name)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return d.fill(ctx, conn, 0)
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
// several times over, and returns medians.
func closedLoop(ctx context.Context, o options, s *subject, plan func(scenario) []combination, progress io.Writer) (lines []line, limits []limit, err error) {
	f := found{pgbench: make(map[string][]float64), samples: make(map[string][]sample)}
	for round := range o.rounds {
		_, _ = fmt.Fprintf(progress, "%s: round %d of %d\n", s.data.name, round+1, o.rounds)
		for _, sc := range scenarios() {
			if err := f.measure(ctx, s, sc, rotated(plan(sc), round), o.window, progress); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", sc.name, err)
			}
		}
	}
	for _, sc := range scenarios() {
		if rates := f.pgbench[sc.name]; len(rates) > 0 {
			limits = append(limits, limit{Scenario: sc.name, Rate: medianOf(rates)})
		}
		for _, c := range plan(sc) {
			lines = append(lines, newLine(c, median(f.samples[c.String()])))
		}
	}
	return lines, limits, nil
}

// measure measures a scenario once, the limit first.
func (f found) measure(ctx context.Context, s *subject, sc scenario, combinations []combination, length time.Duration, progress io.Writer) error {
	if len(combinations) == 0 {
		return nil
	}
	most, err := s.measurePgbench(ctx, sc, length)
	if err != nil {
		return err
	}
	f.pgbench[sc.name] = append(f.pgbench[sc.name], most)
	_, _ = fmt.Fprintf(progress, "%s: pgbench: %.0f/s\n", sc.name, most)
	for _, c := range combinations {
		got, err := s.measureClosed(ctx, c, length)
		if err != nil {
			return err
		}
		got.OfPgbench = got.Rate / most
		f.samples[c.String()] = append(f.samples[c.String()], got)
		_, _ = fmt.Fprintf(progress, "%v: %.0f/s\n", c, got.Rate)
	}
	return nil
}

// openLoop measures latency at parts of the highest rate, which is the
// scenario's and protocol's with the usual number of callers.
func openLoop(ctx context.Context, o options, s *subject, closed []line, progress io.Writer) ([]line, error) {
	highest := make(map[string]float64)
	for _, l := range closed {
		highest[l.key()] = l.Rate
	}
	var lines []line
	for _, sc := range scenarios() {
		for _, c := range o.openPlan(sc) {
			for _, fraction := range o.fractions() {
				rate := max(1, int(highest[c.String()]*fraction))
				var samples []sample
				behind := false
				for range o.rounds {
					got, err := s.measureOpen(ctx, c, rate, o.window)
					if err != nil && !errors.Is(err, load.ErrBehind) {
						return nil, err
					}
					behind = behind || err != nil
					samples = append(samples, got)
				}
				l := newLine(c, median(samples))
				l.Callers, l.Offered, l.Fraction, l.Behind = 0, rate, fraction, behind
				lines = append(lines, l)
				_, _ = fmt.Fprintf(progress, "open: %s/%s at %d/s: p99 %.2f ms\n", sc.name, c.protocol, rate, l.P99)
			}
		}
	}
	return lines, nil
}
