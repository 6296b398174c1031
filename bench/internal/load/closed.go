// Package load makes calls to the service as fast as it answers them, for as
// little as it can, since it shares the service's cores: requests are written
// in advance and answers read no further than to tell success from failure.
package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// streams is how many callers share an HTTP/2 connection, as many as the
	// service lets: a gRPC client makes all its calls over one.
	streams = 100
	// grace is what a run may take longer than its window.
	grace = 15 * time.Second
)

// Source makes the calls of one caller; false when there are no more.
type Source func() (Call, bool)

// Target is a service.
type Target struct {
	Addr     string // Host and port.
	Protocol Protocol
	Tokens   []string // By user.
}

// Window is when calls are counted.
type Window struct {
	Warmup time.Duration // Calls that end in it are made and not counted.
	Length time.Duration
	// Begin and End are called at its ends, in another goroutine than the
	// callers'.
	Begin, End func()
}

// Result is what came of a run.
type Result struct {
	Latency Histogram     // Of the calls that ended within the window.
	Elapsed time.Duration // The window, or what passed of it until there were no more calls.
	Made    uint64        // All calls, counted or not.
	Refused uint64        // Those of them that were not answered with a success, none of which is counted.
	Answer  string        // What one of them was answered with.
}

// tally is what the callers of one connection have seen.
type tally struct {
	latency       Histogram
	made, refused uint64
	answer        string
}

// refuses notes a call that was refused. It returns any other error.
func (t *tally) refuses(err error) error {
	refusal, ok := errors.AsType[*RefusedError](err)
	if !ok {
		return err
	}
	t.refused++
	t.answer = refusal.Answer
	return nil
}

// mostRefused is the part of all calls that may be refused before a run is
// good for nothing.
const mostRefused = 0.01

// Rate returns the calls per second.
func (r *Result) Rate() float64 { return float64(r.Latency.Total()) / r.Elapsed.Seconds() }

// Closed has callers who each make their next call when the last was answered.
// It fails when a call does, or too many are refused.
func Closed(ctx context.Context, t Target, callers int, source func(caller int) Source, w Window) (*Result, error) {
	r := &run{Target: t, requests: prepare(t), begin: make(chan struct{})}
	share := 1
	if t.Protocol == GRPC {
		share = streams
	}
	var workers, ready sync.WaitGroup
	for first := 0; first < callers; first += share {
		var sources []Source
		for i := first; i < min(first+share, callers); i++ {
			sources = append(sources, source(i))
		}
		ready.Add(1)
		workers.Go(func() { r.work(ctx, sources, w, ready.Done) })
	}
	ready.Wait()
	r.start = time.Now()
	r.from, r.to = w.Warmup, w.Warmup+w.Length
	close(r.begin)
	done := make(chan struct{})
	go func() { workers.Wait(); close(done) }()
	elapsed := r.watch(done, w)
	<-done
	if err := errors.Join(r.err, ctx.Err()); err != nil {
		return nil, err
	}
	r.result.Elapsed = elapsed
	if float64(r.result.Refused) > mostRefused*float64(r.result.Made) {
		return nil, fmt.Errorf("load: %d of %d calls over %s were refused: %s", r.result.Refused, r.result.Made, t.Protocol, r.result.Answer)
	}
	if r.result.Latency.Total() == 0 {
		return nil, fmt.Errorf("load: no call ended within %v", w.Length)
	}
	return &r.result, nil
}

// run is a run under way.
type run struct {
	Target
	requests requests
	begin    chan struct{}
	start    time.Time
	from, to time.Duration // The window, from the start.
	halted   atomic.Bool   // A call failed.

	mu     sync.Mutex
	err    error
	result Result
}

// watch calls the window's functions when it begins and ends. It returns how
// long the window was.
func (r *run) watch(done <-chan struct{}, w Window) time.Duration {
	timer := time.NewTimer(r.from)
	defer timer.Stop()
	if r.from > 0 {
		select {
		case <-done: // Nothing was counted.
			return w.Length
		case <-timer.C:
		}
	}
	if w.Begin != nil {
		w.Begin()
	}
	began := time.Since(r.start)
	timer.Reset(r.to - began)
	select {
	case <-done: // The sources ran dry.
	case <-timer.C:
	}
	elapsed := min(time.Since(r.start), r.to) - r.from
	if w.End != nil {
		w.End()
	}
	return elapsed
}

// work drives one connection.
func (r *run) work(ctx context.Context, sources []Source, w Window, ready func()) {
	seen := new(tally)
	drive, closeConn, err := r.connect(ctx, sources, time.Now().Add(w.Warmup+w.Length+grace))
	ready()
	<-r.begin
	if err == nil {
		err = drive(seen)
		closeConn()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Latency.Merge(&seen.latency)
	r.result.Made += seen.made
	r.result.Refused += seen.refused
	if seen.refused > 0 {
		r.result.Answer = seen.answer
	}
	if err != nil && !r.halted.Swap(true) {
		r.err = err
	}
}

// connect returns a function that makes calls until the run ends.
func (r *run) connect(ctx context.Context, sources []Source, deadline time.Time) (drive func(*tally) error, closeConn func(), err error) {
	if r.Protocol == GRPC {
		c, err := dialHTTP2[flight](ctx, r.Addr)
		if err != nil {
			return nil, nil, err
		}
		return func(seen *tally) error { return r.driveHTTP2(c, sources, seen) },
			func() { _ = c.conn.Close() }, c.setDeadline(deadline)
	}
	c, err := dialHTTP1(ctx, r.Addr)
	if err != nil {
		return nil, nil, err
	}
	return func(seen *tally) error { return r.driveHTTP1(c, sources[0], seen) },
		func() { _ = c.conn.Close() }, c.conn.SetDeadline(deadline)
}

// over reports whether the run has ended by now, which is a time from its
// start.
func (r *run) over(now time.Duration) bool { return now >= r.to || r.halted.Load() }

// count counts a call that ended at the time given.
func (r *run) count(h *Histogram, began, ended time.Duration) {
	if ended >= r.from && ended < r.to {
		h.Add(ended - began)
	}
}

func (r *run) driveHTTP1(c *http1, next Source, seen *tally) error {
	var request []byte
	for began := time.Since(r.start); !r.over(began); {
		call, ok := next()
		if !ok {
			return nil
		}
		request = r.requests.http1(request[:0], call)
		err := c.roundTrip(request)
		seen.made++
		ended := time.Since(r.start)
		if err == nil {
			r.count(&seen.latency, began, ended)
		} else if err := seen.refuses(err); err != nil {
			return fmt.Errorf("%s over %s: %w", call.Operation, r.Protocol, err)
		}
		began = ended
	}
	return nil
}

// flight is a call under way on a connection that callers share.
type flight struct {
	began time.Duration
	next  Source
}

func (r *run) driveHTTP2(c *http2Conn[flight], sources []Source, seen *tally) error {
	underWay := 0
	var message []byte
	launch := func(next Source, now time.Duration) error {
		if r.over(now) {
			return nil
		}
		call, ok := next()
		if !ok {
			return nil
		}
		path, token, template := r.requests.grpc(call)
		message = template.append(message[:0], "", call.Todo)
		underWay++
		return c.start(path, token, message, flight{began: now, next: next})
	}
	for _, next := range sources {
		if err := launch(next, time.Since(r.start)); err != nil {
			return err
		}
	}
	for underWay > 0 {
		f, err := c.finished()
		underWay--
		seen.made++
		ended := time.Since(r.start)
		if err == nil {
			r.count(&seen.latency, f.began, ended)
		} else if err := seen.refuses(err); err != nil {
			return fmt.Errorf("over %s: %w", r.Protocol, err)
		}
		if err := launch(f.next, ended); err != nil {
			return err
		}
	}
	return nil
}
