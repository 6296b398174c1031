package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const (
	// firstWorkers are there from the start; more come when answers are slow,
	// so that a slow answer does not keep the next call from being made.
	firstWorkers = 100
	maxWorkers   = 4000
	// openTimeout bounds one call.
	openTimeout = 10 * time.Second
)

// Open makes calls at a steady rate, however long answers take, over HTTP/1.1.
// It fails with [ErrBehind], beside the result, when fewer than nine of ten
// calls could be made in time, or too many failed.
func Open(ctx context.Context, t Target, rate int, next Source, w Window) (*Result, error) {
	requests := prepare(t)
	var mu sync.Mutex // Vegeta asks for calls from many goroutines.
	targets := func(target *vegeta.Target) error {
		mu.Lock()
		call, ok := next()
		mu.Unlock()
		if !ok {
			return vegeta.ErrNoTargets
		}
		// The whole request is the body: see connections.
		target.Method, target.URL = http.MethodPost, "http://"+t.Addr
		target.Body = requests.http1(nil, call)
		return nil
	}

	pool := &connections{addr: t.Addr}
	defer pool.close()
	attacker := vegeta.NewAttacker(vegeta.Client(&http.Client{Transport: pool}),
		vegeta.Workers(firstWorkers), vegeta.MaxWorkers(maxWorkers), vegeta.MaxBody(0))
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	defer time.AfterFunc(w.Warmup, w.Begin).Stop()

	r := &Result{Elapsed: w.Length}
	start := time.Now()
	for result := range attacker.Attack(targets, vegeta.ConstantPacer{Freq: rate, Per: time.Second}, w.Warmup+w.Length, "") {
		r.Made++
		switch {
		case result.Error != "":
			r.Refused++
			r.Answer = result.Error
		case result.Timestamp.Sub(start) >= w.Warmup:
			r.Latency.Add(result.Latency)
		}
	}
	w.End()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case float64(r.Refused) > mostRefused*float64(r.Made):
		return r, fmt.Errorf("%w: %d of %d calls failed: %s", ErrBehind, r.Refused, r.Made, r.Answer)
	case r.Rate() < 0.9*float64(rate):
		return r, fmt.Errorf("%w: %.0f of %d/s", ErrBehind, r.Rate(), rate)
	}
	return r, nil
}

// ErrBehind says that calls could not be made at the rate that was asked for.
var ErrBehind = errors.New("load: the rate was not reached")

// connections sends requests over connections that it keeps. In place of an
// http.Transport, which costs more than the service's share of a call, it
// sends the body of a request as the whole of it, headers included.
type connections struct {
	addr string

	mu   sync.Mutex
	idle []*http1
}

// RoundTrip implements [http.RoundTripper]. An answer that is not a success is
// an error.
func (p *connections) RoundTrip(r *http.Request) (*http.Response, error) {
	request, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	c, err := p.take(r.Context())
	if err != nil {
		return nil, err
	}
	err = errors.Join(c.conn.SetDeadline(time.Now().Add(openTimeout)), c.roundTrip(request))
	if _, refused := errors.AsType[*RefusedError](err); err == nil || refused {
		p.mu.Lock()
		p.idle = append(p.idle, c)
		p.mu.Unlock()
	} else {
		_ = c.conn.Close()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, Request: r,
	}, nil
}

// take returns the connection that was used last, so that those that are not
// needed stay unused, or a new one.
func (p *connections) take(ctx context.Context) (*http1, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return dialHTTP1(ctx, p.addr)
}

// close closes what is idle, which is all once an attack has ended.
func (p *connections) close() {
	for _, c := range p.idle {
		_ = c.conn.Close()
	}
}
