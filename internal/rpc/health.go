package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// pingTimeout bounds a check of the database.
	pingTimeout = 2 * time.Second
	// pingKept is how long its result is good for.
	pingKept = time.Second
)

// errHealthClosed says that nothing is checked any more.
var errHealthClosed = errors.New("rpc: the health was closed")

// health knows whether the service can serve: the database could run its
// statements, and the service isn't draining. Whether tokens can be verified
// doesn't count: an issuer that is away would take down every replica at once.
type health struct {
	ping func(context.Context) error

	// draining is done when the service begins to drain, ended when its streams
	// have to end, running when the health is closed.
	draining, ended, running context.Context
	drain, end, stop         context.CancelFunc

	mu      sync.Mutex
	current *databaseCheck // The last one, or the one in flight.
}

// newHealth returns a health that has to be closed.
func newHealth(ping func(context.Context) error) *health {
	h := &health{ping: ping}
	h.draining, h.drain = context.WithCancel(context.Background())
	h.ended, h.end = context.WithCancel(context.Background())
	h.running, h.stop = context.WithCancel(context.Background())
	return h
}

// close ends the check of the database that is in flight, and starts no more.
func (h *health) close() {
	h.drain()
	h.end()
	h.stop()
	h.mu.Lock()
	check := h.current
	h.mu.Unlock()
	if check != nil {
		<-check.done
	}
}

// databaseCheck is one check of the database, shared by all who ask meanwhile.
type databaseCheck struct {
	done    chan struct{}
	err     error     // Valid once done is closed.
	expires time.Time // Valid once done is closed.
}

// database checks the database, or returns the result of the last second.
func (h *health) database(ctx context.Context) error {
	check, err := h.currentCheck()
	if err != nil {
		return err
	}
	select {
	case <-check.done:
		return check.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ready reports whether the service should get requests. A drain it reports at
// once, even while the database hangs.
func (h *health) ready(ctx context.Context) bool {
	check, err := h.currentCheck()
	if err != nil {
		return false
	}
	select {
	case <-check.done:
		return check.err == nil && h.draining.Err() == nil
	case <-h.draining.Done():
	case <-ctx.Done():
	}
	return false
}

// currentCheck returns a check that is recent or in flight, and starts one when
// there is none.
func (h *health) currentCheck() (*databaseCheck, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil || h.current.expired() {
		if h.running.Err() != nil {
			return nil, errHealthClosed
		}
		h.current = &databaseCheck{done: make(chan struct{})}
		// Not with the asker's context: others wait for the result too, and it
		// would keep the asker's whole request.
		go h.current.run(h.running, h.ping)
	}
	return h.current, nil
}

func (c *databaseCheck) run(ctx context.Context, ping func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	c.err = ping(ctx)
	c.expires = time.Now().Add(pingKept)
	close(c.done)
}

// withoutPanics returns a ping that logs a panic and fails. No request's middleware
// is around the goroutine that runs it.
func withoutPanics(ping func(context.Context) error, logger *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = &panicError{value: value, stack: debug.Stack()}
				logger.ErrorContext(ctx, "the check of the database failed", "cause", err)
			}
		}()
		return ping(ctx)
	}
}

func (c *databaseCheck) expired() bool {
	select {
	case <-c.done:
		return time.Now().After(c.expires)
	default:
		return false
	}
}

// status is the answer of the HTTP health endpoints. It gives no cause: they
// are public.
type status struct {
	Status   string `json:"status"`
	Database string `json:"database,omitempty"`
}

const (
	statusOK          = "ok"
	statusUnavailable = "unavailable"
)

// serveReady answers /readyz and /api/health.
func (h *health) serveReady(w http.ResponseWriter, r *http.Request) {
	answer, code := status{Status: statusOK, Database: statusOK}, http.StatusOK
	if h.database(r.Context()) != nil {
		answer.Database = statusUnavailable
	}
	if answer.Database != statusOK || h.draining.Err() != nil {
		answer.Status, code = statusUnavailable, http.StatusServiceUnavailable
		w.Header().Set("Retry-After", retryAfter)
	}
	writeJSON(w, code, answer)
}

// serveLive answers /livez: the process runs and serves HTTP.
func (h *health) serveLive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, status{Status: statusOK})
}
