package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// spareRate is how many todos are there to be deleted for each second of a
// measurement: more than PostgreSQL deletes on two cores.
const spareRate = 40_000

// database is what is measured on.
type database struct {
	data    dataset
	tokens  string // File with a token a line, by user.
	syncs   string // File with sync tokens in the same way, as of the last measurement that needed them.
	pgbench *pgbench
	conn    *pgx.Conn // For what happens between measurements.
	changed bool      // The data are not as they were stored.
	used    int64     // Numbers of spare todos that were used up, where they are.
}

// subject is a service on a database, ready to be measured.
type subject struct {
	*database
	service *process
	meter   meter
}

// sample is one measurement. CPU times are seconds per 1,000 calls.
type sample struct {
	rate                              float64
	p50, p95, p99                     float64 // Milliseconds.
	serviceCPU, postgresCPU, benchCPU float64
	memory                            float64 // The service's peak, in MiB.
	ofPgbench                         float64 // The rate as a part of pgbench's, 0 when that was not measured.
	refused                           float64
}

func (s *sample) fields() []*float64 {
	return []*float64{&s.rate, &s.p50, &s.p95, &s.p99, &s.serviceCPU, &s.postgresCPU, &s.benchCPU, &s.memory, &s.ofPgbench, &s.refused}
}

// median returns the median of each field by itself, of at least one sample, but
// the most refused calls.
func median(samples []sample) sample {
	var m sample
	for i, field := range m.fields() {
		var values []float64
		for _, s := range samples {
			values = append(values, *s.fields()[i])
		}
		*field = medianOf(values)
	}
	for _, s := range samples {
		m.refused = max(m.refused, s.refused)
	}
	return m
}

// medianOf returns the median of at least one value.
func medianOf(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// spare is a range of todos that are there to be deleted, each once.
type spare struct{ first, count int64 }

// prepare brings the database to where a scenario begins. It returns what there
// is to delete.
func (d *database) prepare(ctx context.Context, sc scenario, length time.Duration) (spare, error) {
	if !sc.writes() && (!d.changed || d.data.fixed) {
		return spare{}, nil
	}
	s := spare{d.data.todos + d.used, int64(length.Seconds() * spareRate * float64(sc.deletes()) / 100)}
	d.changed = sc.writes()
	if !d.data.fixed {
		return s, d.data.fill(ctx, d.conn, s.count)
	}
	d.used += s.count
	return s, errors.Join(d.data.insert(ctx, d.conn, s.first, s.first+s.count, oldest), settle(ctx, d.conn))
}

// measurePgbench returns pgbench's transactions per second in a scenario.
func (d *database) measurePgbench(ctx context.Context, sc scenario, length time.Duration) (float64, error) {
	s, err := d.prepare(ctx, sc, length)
	if err != nil {
		return 0, err
	}
	rate, err := d.pgbench.run(ctx, sc, length, s)
	if err == nil && s.count > 0 {
		err = checkSpare(ctx, d.conn, s)
	}
	return rate, err
}

// measure has a combination's callers call, each when it was answered and has
// paused, and reads what that costs.
func (s *subject) measure(ctx context.Context, c combination, pause, length time.Duration) (sample, error) {
	spare, err := s.prepare(ctx, c.scenario, length)
	if err != nil {
		return sample{}, err
	}
	if c.scenario.syncs() {
		if err := s.sync(ctx); err != nil {
			return sample{}, err
		}
	}
	before, err := s.meter.read()
	if err := errors.Join(err, forgetPeak(s.service.ID())); err != nil {
		return sample{}, err
	}
	o, err := calls{
		combination: c, addr: s.service.addr, tokens: s.tokens, syncs: s.syncs, data: s.data,
		spare: spare.first, pause: pause, length: length,
	}.make(ctx)
	if err != nil {
		return sample{}, err
	}
	after, errAfter := s.meter.read()
	memory, errMemory := peakMemory(s.service.ID())
	cost := after.minus(before)
	perThousand := func(d time.Duration) float64 { return d.Seconds() / float64(o.succeeded+o.refused) * 1000 }
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return sample{
		rate: o.rate(), p50: milliseconds(o.p50), p95: milliseconds(o.p95), p99: milliseconds(o.p99),
		serviceCPU: perThousand(cost.service), postgresCPU: perThousand(cost.postgres), benchCPU: perThousand(cost.bench),
		memory: float64(memory) / (1 << 20), refused: float64(o.refused),
	}, errors.Join(errAfter, errMemory)
}

// warmUp has the service verify users' tokens and open its connections, which
// is not part of what a call costs.
func (s *subject) warmUp(ctx context.Context) error {
	const length = 2 * time.Second
	_, err := s.measure(ctx, combination{scenarios()[0], connectBinary, usualCallers}, 0, length)
	return err
}

// close ends the service and the connection.
func (s *subject) close() error {
	return errors.Join(s.conn.Close(context.Background()), s.service.stop())
}

// beside returns another service on the same database, which is the first's to
// close.
func (s *subject) beside(ctx context.Context, service *process) (*subject, error) {
	other := &subject{s.database, service, meter{service.ID(), s.meter.postmaster}}
	return other, other.warmUp(ctx)
}

// newSubject starts the service on a database that has been filled.
func newSubject(ctx context.Context, st *stack, d dataset, progress io.Writer) (_ *subject, err error) {
	tokens, err := st.writeTokens(d)
	if err != nil {
		return nil, err
	}
	recorded, err := st.record(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("recording the service's statements: %w", err)
	}
	s := &subject{database: &database{data: d, tokens: tokens, changed: true}}
	if s.pgbench, err = newPgbench(st, d, recorded); err != nil {
		return nil, err
	}
	if s.conn, err = st.connect(ctx, d.name); err != nil {
		return nil, err
	}
	// The recorded calls have moved it to the trash.
	if err := d.replace(ctx, s.conn, recordedTodo); err != nil {
		return nil, errors.Join(err, s.conn.Close(ctx))
	}
	var took time.Duration
	if s.service, took, err = st.startService(ctx, st.todod, d.name, ""); err != nil {
		return nil, errors.Join(err, s.conn.Close(ctx))
	}
	s.meter.service = s.service.ID()
	s.meter.postmaster, err = st.postmaster()
	if err = errors.Join(err, s.warmUp(ctx)); err != nil {
		return nil, errors.Join(err, s.close())
	}
	_, err = fmt.Fprintf(progress, "%s: %d users, %d todos; the service was ready after %v\n", d.name, d.users, d.todos, took.Round(time.Millisecond))
	return s, err
}
