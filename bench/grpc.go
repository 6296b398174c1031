package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// streams is how many callers share an HTTP/2 connection, as many as the
	// service lets: a gRPC client makes all its calls over one.
	streams = 100
	// grace is how long a frame may take that has begun to arrive.
	grace = 10 * time.Second
)

// grpcRun is gRPC calls that are being made.
type grpcRun struct {
	calls
	requests map[operation]grpcRequest
	fields   [][]byte // The header with the token, by user.
	syncs    []string // Sync tokens by user, if the scenario has them.
	deleted  atomic.Int64
	start    time.Time

	mu        sync.Mutex
	latencies []time.Duration // Of the calls that succeeded.
	refused   int64
}

// overGRPC makes the calls, those of a hundred callers over one connection.
func (c calls) overGRPC(ctx context.Context) (outcome, error) {
	r := &grpcRun{calls: c, requests: make(map[operation]grpcRequest)}
	for _, op := range operations() {
		r.requests[op] = newGRPCRequest(op)
	}
	tokens, err := readLines(c.tokens)
	if err != nil {
		return outcome{}, err
	}
	for _, token := range tokens {
		r.fields = append(r.fields, tokenField(token))
	}
	if c.scenario.syncs() {
		if r.syncs, err = readLines(c.syncs); err != nil {
			return outcome{}, err
		}
	}
	var conns []*http2Conn
	for range (c.callers + streams - 1) / streams {
		conn, err := dialHTTP2(ctx, c.addr)
		if err != nil {
			return outcome{}, err
		}
		defer conn.conn.Close()
		defer context.AfterFunc(ctx, func() { _ = conn.conn.Close() })()
		conns = append(conns, conn)
	}
	failed := make([]error, len(conns))
	var working sync.WaitGroup
	r.start = time.Now()
	for i, conn := range conns {
		working.Go(func() { failed[i] = r.drive(conn, i*streams) })
	}
	working.Wait()
	o := outcome{succeeded: int64(len(r.latencies)), refused: r.refused, elapsed: time.Since(r.start)}
	if o.succeeded > 0 {
		slices.Sort(r.latencies)
		quantile := func(q float64) time.Duration { return r.latencies[int(q*float64(len(r.latencies)))] }
		o.p50, o.p95, o.p99 = quantile(0.50), quantile(0.95), quantile(0.99)
	}
	return o, errors.Join(ctx.Err(), errors.Join(failed...))
}

// grpcCaller is one caller. Its next call is due at a time since the start.
type grpcCaller struct {
	random *rand.Rand
	due    time.Duration
}

// pause puts the caller's next call off, as if calls came at random.
func (c *grpcCaller) pause(from, mean time.Duration) {
	c.due = from + time.Duration(c.random.ExpFloat64()*float64(mean))
}

// drive makes the calls over one connection: those of a hundred callers from the
// first.
func (r *grpcRun) drive(c *http2Conn, first int) error {
	var latencies []time.Duration
	var refused int64
	var waiting []*grpcCaller
	for number := first; number < min(first+streams, r.callers); number++ {
		w := &grpcCaller{random: rand.New(rand.NewPCG(1, uint64(number)))} //nolint:gosec // G404, G115: not a secret, and not negative.
		w.pause(0, r.pause)
		waiting = append(waiting, w)
	}
	inFlight := make(map[uint32]*grpcCaller)
	for now := time.Since(r.start); now < r.length; now = time.Since(r.start) {
		next := r.length
		var failed error
		waiting = slices.DeleteFunc(waiting, func(w *grpcCaller) bool {
			if w.due > now {
				next = min(next, w.due)
				return false
			}
			stream, err := r.call(c, w.random)
			failed = errors.Join(failed, err)
			inFlight[stream] = w
			return true
		})
		arrived, err := r.wait(c, next)
		if err := errors.Join(failed, err); err != nil {
			return err
		}
		if !arrived {
			continue
		}
		stream, success, err := c.receive()
		if err != nil {
			return err
		}
		w, ended := inFlight[stream]
		if !ended {
			continue
		}
		delete(inFlight, stream)
		now := time.Since(r.start)
		if success {
			latencies = append(latencies, now-w.due)
		} else {
			refused++
		}
		w.pause(now, r.pause)
		waiting = append(waiting, w)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latencies, r.refused = append(r.latencies, latencies...), r.refused+refused
	return nil
}

// call starts a call.
func (r *grpcRun) call(c *http2Conn, random *rand.Rand) (stream uint32, err error) {
	op := r.scenario.pick(random.IntN(100))
	n := random.Int64N(r.data.todos)
	if op == remove {
		n = r.spare + r.deleted.Add(1) - 1
	}
	request := r.requests[op]
	message, user := request.before, r.data.user(n)
	switch request.placeholder {
	case idPlaceholder:
		message += todoID(n) + request.after
	case syncPlaceholder:
		message += r.syncs[user] + request.after
	}
	return c.start(request.procedure, r.fields[user], message)
}

// wait sends what was started, and reports whether something arrives before a
// time since the start.
func (r *grpcRun) wait(c *http2Conn, until time.Duration) (bool, error) {
	if c.in.Buffered() > 0 {
		return true, nil
	}
	deadline := r.start.Add(r.length + grace)
	if err := errors.Join(c.conn.SetDeadline(deadline), c.out.Flush(), c.conn.SetReadDeadline(r.start.Add(until))); err != nil {
		return false, err
	}
	_, err := c.in.Peek(1)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	return true, errors.Join(err, c.conn.SetReadDeadline(deadline))
}
