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

// Open makes calls at a steady rate, however long answers take. It fails with
// [ErrBehind], beside the result, when fewer than nine of ten calls could be
// made in time, or too many failed.
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
		target.Method = http.MethodPost
		target.URL, target.Body = requests.open(call)
		return nil
	}

	var pool transport = &http1Pool{addr: t.Addr}
	if t.Protocol == GRPC {
		pool = &http2Pool{addr: t.Addr, timeout: openTimeout}
	}
	defer pool.close()
	attacker := vegeta.NewAttacker(vegeta.Client(&http.Client{Transport: pool}),
		vegeta.Workers(firstWorkers), vegeta.MaxWorkers(maxWorkers), vegeta.MaxBody(0))
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	defer time.AfterFunc(w.Warmup, w.Begin).Stop()

	r := &Result{Elapsed: w.Length}
	start := time.Now()
	for result := range attacker.Attack(targets, vegeta.ConstantPacer{Freq: rate, Per: time.Second}, w.Warmup+w.Length, "") {
		if result.Error == vegeta.ErrNoTargets.Error() {
			continue // No call was left to make.
		}
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

// transport makes vegeta's calls. An answer that is not a success is an error.
// In place of an [http.Transport], which costs more than the service's share of
// a call, it sends what was written in advance.
type transport interface {
	http.RoundTripper
	close() // Once an attack has ended.
}

// readBody returns what [requests.open] has made.
func readBody(r *http.Request) ([]byte, error) {
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

// succeeded is the answer to a call that was one. No more of it matters.
func succeeded(r *http.Request) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}
}
