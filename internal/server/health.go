package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"connectrpc.com/grpchealth"
)

const (
	// pingTimeout bounds a ping of the database.
	pingTimeout = 2 * time.Second
	// pingTTL is how long the result of a ping is reused.
	pingTTL = time.Second
)

// errHealthClosed means that the database is not pinged any more.
var errHealthClosed = errors.New("server: the health was closed")

// health knows whether the server is ready: the database answers, and the server
// is not draining. Whether tokens can be verified does not count, since the issuer
// is the same for all replicas: without it, none would be ready.
type health struct {
	ping     func(context.Context) error
	services []string // Health checks may name one of them.

	// draining is done when the drain begins, ended when streams have to end, and
	// running when the health is closed.
	draining, ended, running context.Context
	drain, end, stop         context.CancelFunc

	mu      sync.Mutex
	current *databaseCheck // The latest one, which may be in flight.
}

// newHealth returns a health, which has to be closed.
func newHealth(ping func(context.Context) error) *health {
	h := &health{ping: ping}
	h.draining, h.drain = context.WithCancel(context.Background())
	h.ended, h.end = context.WithCancel(context.Background())
	h.running, h.stop = context.WithCancel(context.Background())
	return h
}

// close cancels the check in flight, waits for its end, and starts no more.
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

// databaseCheck is a ping of the database. All requests that come while it is in
// flight, or within pingTTL, share its result.
type databaseCheck struct {
	done    chan struct{}
	err     error     // Valid once done is closed.
	expires time.Time // Valid once done is closed.
}

// database returns the result of the current check.
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

// ready reports whether the server should get requests. A drain makes it return
// at once, even while the database hangs.
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

// currentCheck returns the latest check, or starts one when that has expired.
func (h *health) currentCheck() (*databaseCheck, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil || h.current.expired() {
		if h.running.Err() != nil {
			return nil, errHealthClosed
		}
		h.current = &databaseCheck{done: make(chan struct{})}
		// Not with a request's context: other requests wait for the result too.
		go h.current.run(h.running, h.ping)
	}
	return h.current, nil
}

func (c *databaseCheck) run(ctx context.Context, ping func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	c.err = ping(ctx)
	c.expires = time.Now().Add(pingTTL)
	close(c.done)
}

// withoutPanics returns a ping that logs a panic and fails. It runs in a goroutine
// of its own, outside of a request's middleware.
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

// healthStatus is the response of the HTTP health endpoints. It has no cause,
// since they are public.
type healthStatus struct {
	Status   string `json:"status"`
	Database string `json:"database,omitempty"`
}

const (
	statusOK          = "ok"
	statusUnavailable = "unavailable"
)

// serveReady serves /readyz and /api/health.
func (h *health) serveReady(w http.ResponseWriter, r *http.Request) {
	status, code := healthStatus{Status: statusOK, Database: statusOK}, http.StatusOK
	if h.database(r.Context()) != nil {
		status.Database = statusUnavailable
	}
	if status.Database != statusOK || h.draining.Err() != nil {
		status.Status, code = statusUnavailable, http.StatusServiceUnavailable
		w.Header().Set("Retry-After", retryAfter)
	}
	writeJSON(w, code, status)
}

// serveLive serves /livez: the process runs and serves HTTP.
func (h *health) serveLive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, healthStatus{Status: statusOK})
}

// addHealth adds the health checks, over HTTP and gRPC.
func (s *Server) addHealth() {
	s.routes.probe("/livez", s.health.serveLive)
	s.routes.probe("/readyz", s.health.serveReady)
	s.routes.probe("/api/health", s.health.serveReady)
	_, handler := grpchealth.NewHandler(s.health, s.base, withoutCompression())
	s.routes.procedure(procedure{name: "/grpc.health.v1.Health/Check", probe: true, handler: handler})
	s.routes.procedure(procedure{
		name: "/grpc.health.v1.Health/Watch", probe: true, handler: handler,
		stream: &streamConfig{maxMessages: 1, anonymous: true, handlesDrain: true},
	})
}
