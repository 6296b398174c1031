package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// comparison is a combination that was measured with two services.
type comparison struct {
	combination
	first, second sample
	part          float64 // The second's rate as a part of the first's; the median of the rounds'.
}

// compare measures two services in turn at the highest rate, and prints a table. What
// else the machine does slows both down alike, which two runs, one after the other, can't
// say of themselves.
//
// Another binary has a small database of its own, since its schema may be another one. The
// large database has the first's.
func compare(ctx context.Context, o options, stdout, progress io.Writer) (err error) {
	st, err := newStack(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	first, err := newSmallSubject(ctx, st, o.beside == "", progress)
	if err != nil {
		return err
	}
	if o.beside == "" {
		err = compareOn(ctx, o, st, first, o.plan, stdout, progress)
	} else {
		err = compareOnTwo(ctx, o, st, first, stdout, progress)
	}
	if err = errors.Join(err, first.close()); err != nil || o.large.todos == 0 {
		return err
	}
	if first, err = newLargeSubject(ctx, st, o.large, progress); err != nil {
		return err
	}
	return errors.Join(compareOn(ctx, o, st, first, o.largePlan, stdout, progress), first.close())
}

// compareOnTwo compares a service with another binary, which gets a database as large.
func compareOnTwo(ctx context.Context, o options, st *stack, first *subject, stdout, progress io.Writer) (err error) {
	other := *st
	other.todod = o.beside
	other.settings = slices.Concat(st.settings, o.besideSettings)
	d := small()
	d.name += "_beside"
	second, err := newSubjectOn(ctx, &other, d, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, second.close()) }()
	comparisons, err := measureBoth(ctx, o, [2]*subject{first, second}, o.plan, progress)
	if err != nil {
		return err
	}
	return writeComparisons(stdout, first.data, comparisons)
}

// compareOn compares a service with another one on its database.
func compareOn(ctx context.Context, o options, st *stack, first *subject, plan func(scenario) []combination, stdout, progress io.Writer) (err error) {
	service, _, err := st.startService(ctx, cmp.Or(o.beside, o.todod), first.data.name, "", o.besideSettings...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.stop()) }()
	second, err := first.beside(ctx, service)
	if err != nil {
		return err
	}
	comparisons, err := measureBoth(ctx, o, [2]*subject{first, second}, plan, progress)
	if err != nil {
		return err
	}
	return writeComparisons(stdout, first.data, comparisons)
}

// measureBoth measures each combination with both services, each round beginning
// with the other one, and returns medians.
func measureBoth(ctx context.Context, o options, both [2]*subject, plan func(scenario) []combination, progress io.Writer) ([]comparison, error) {
	var all []comparison
	for _, sc := range scenarios() {
		if !both[0].serves(sc) || !both[1].serves(sc) {
			continue
		}
		for _, c := range plan(sc) {
			var samples [2][]sample
			var parts []float64
			for round := range o.rounds {
				for turn := range both {
					which := (round + turn) % len(both)
					got, err := both[which].measure(ctx, c, 0, o.window)
					if err != nil {
						return nil, err
					}
					samples[which] = append(samples[which], got)
				}
				parts = append(parts, samples[1][round].rate/samples[0][round].rate)
			}
			found := comparison{combination: c, first: median(samples[0]), second: median(samples[1]), part: medianOf(parts)}
			_, _ = fmt.Fprintf(progress, "%v: %s\n", c, percent(found.part))
			all = append(all, found)
		}
	}
	return all, nil
}

// writeComparisons writes a table in Markdown, of each column the first service's
// number and the second's.
func writeComparisons(w io.Writer, d dataset, comparisons []comparison) error {
	t := &table{w: w}
	t.head(fmt.Sprintf("Two services in turn, closed loop, %d users, %d todos:", d.users, d.todos), 2,
		"scenario", "protocol", "callers", "calls/s", "second's part", "p50 ms", "p99 ms",
		"service CPU s/1,000", "Postgres CPU s/1,000", "peak RSS MiB")
	for _, c := range comparisons {
		both := func(format func(float64) string, get func(sample) float64) string {
			return format(get(c.first)) + ", " + format(get(c.second))
		}
		t.row(c.scenario.name, string(c.protocol), strconv.Itoa(c.callers),
			both(whole, func(s sample) float64 { return s.rate }), percent(c.part),
			both(number, func(s sample) float64 { return s.p50 }), both(number, func(s sample) float64 { return s.p99 }),
			both(number, func(s sample) float64 { return s.serviceCPU }), both(number, func(s sample) float64 { return s.postgresCPU }),
			both(whole, func(s sample) float64 { return s.memory }))
	}
	return t.err
}
