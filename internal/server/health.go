package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
)

// watchInterval is how often a watch checks the health.
const watchInterval = time.Second

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
	draining, ended, running context.Context //nolint:containedctx // They are the server's, not a caller's.
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

// addTo adds the health checks, over HTTP and gRPC. base has the options of every
// handler.
func (h *health) addTo(routes *routes, base connect.HandlerOption) {
	routes.probe("/livez", h.serveLive)
	routes.probe("/readyz", h.serveReady)
	routes.probe("/api/health", h.serveReady)
	_, handler := grpchealth.NewHandler(h, base, withoutCompression())
	routes.procedure(procedure{name: "/grpc.health.v1.Health/Check", probe: true, handler: handler})
	routes.procedure(procedure{
		name: "/grpc.health.v1.Health/Watch", probe: true, handler: handler,
		stream: &streamConfig{maxMessages: 1, anonymous: true, handlesDrain: true},
	})
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

var _ grpchealth.Watcher = (*health)(nil)

// Check implements grpc.health.v1.Health/Check, for the whole server and for each
// of its services. grpchealth also calls it for Health/Watch, whenever the health
// may have changed.
func (h *health) Check(ctx context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	watch, known := stateOf(ctx).watch, req.Service == "" || slices.Contains(h.services, req.Service)
	var status grpchealth.Status
	switch {
	case !known && watch == nil:
		return nil, connect.NewError(connect.CodeNotFound, errors.New("unknown service"))
	case !known:
		status = statusServiceUnknown
	case h.ready(ctx):
		status = grpchealth.StatusServing
	default:
		status = grpchealth.StatusNotServing
	}
	if watch != nil && !watch.tell(status, h.ended.Err() != nil) {
		return nil, errStreamDone
	}
	return &grpchealth.CheckResponse{Status: status}, nil
}

// Watch calls onChange every second, and as soon as the server drains, until stop
// is called.
func (h *health) Watch(ctx context.Context, _ *grpchealth.CheckRequest, onChange func()) (stop func(), err error) {
	stateOf(ctx).watch = &healthWatch{again: onChange}
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		draining, ended := h.draining.Done(), h.ended.Done()
		for {
			select {
			case <-ticker.C:
			case <-draining:
				draining = nil // Once.
			case <-ended:
				ended = nil
			case <-stopped:
				return
			}
			onChange()
		}
	}()
	return func() {
		close(stopped)
		<-done
	}, nil
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
