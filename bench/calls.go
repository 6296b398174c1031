package main

import (
	"context"
	"fmt"
	"time"
)

// calls is what to make to a service.
type calls struct {
	combination
	addr   string        // Host and port.
	tokens string        // File with a token a line, by user.
	syncs  string        // File with sync tokens in the same way, for scenarios that sync.
	data   dataset       // What the service's database holds.
	spare  int64         // The number of the first todo that is there to be deleted.
	pause  time.Duration // That a caller makes between calls on average; none in a closed loop.
	length time.Duration
}

// outcome is what came of calls.
type outcome struct {
	succeeded     int64
	refused       int64 // Answered, but not with a success.
	elapsed       time.Duration
	p50, p95, p99 time.Duration
}

// mostRefused is the part of all calls that may be refused in a closed loop before
// the rest says nothing about the service. At a rate, refusing is a result.
const mostRefused = 0.01

// make makes the calls: over HTTP/1.1 by wrk, for 0.012 to 0.015 ms of CPU a call.
// net/http's client takes 0.055.
//
// Over gRPC it uses a client of its own, for 0.016 ms. net/http's takes 0.088, and
// 30 % fewer calls are made. h2load has one token and one body for all calls, so
// its writes wait for one another (741 updates/s of one todo, 2,566 of any), and it
// takes a gRPC error for a success.
func (c calls) make(ctx context.Context) (o outcome, err error) {
	if c.protocol == grpc {
		o, err = c.overGRPC(ctx)
	} else {
		o, err = c.overHTTP1(ctx)
	}
	switch made := o.succeeded + o.refused; {
	case err != nil:
		return o, fmt.Errorf("%v: %w", c.combination, err)
	case c.pause == 0 && float64(o.refused) > mostRefused*float64(made):
		return o, fmt.Errorf("%v: %d of %d calls were refused", c.combination, o.refused, made)
	case o.succeeded == 0:
		return o, fmt.Errorf("%v: no call was answered within %v", c.combination, c.length)
	}
	return o, nil
}

// rate returns the calls per second.
func (o outcome) rate() float64 { return float64(o.succeeded) / o.elapsed.Seconds() }
