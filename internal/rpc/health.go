package rpc

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
)

const (
	// pingTimeout bounds a look at the database.
	pingTimeout = 2 * time.Second
	// pingKept is how long its result is good for.
	pingKept = time.Second
	// watchInterval is how often a health watch looks again.
	watchInterval = time.Second
)

// health knows whether the service can serve: the database could run its
// statements, and the service isn't draining. Whether tokens can be verified
// doesn't count: an issuer that is away would take down every replica at once.
type health struct {
	ping     func(context.Context) error
	draining atomic.Bool

	mu      sync.Mutex
	current *look // The last look at the database, or the one under way.
}

// look is one look at the database, shared by all who ask meanwhile.
type look struct {
	done    chan struct{}
	err     error     // Valid once done is closed.
	expires time.Time // Valid once done is closed.
}

var _ grpchealth.Watcher = (*health)(nil)

// database looks at the database, or returns what was seen within a second.
func (h *health) database(ctx context.Context) error {
	h.mu.Lock()
	if h.current == nil || h.current.expired() {
		h.current = &look{done: make(chan struct{})}
		// Not the asker's context: others wait for the answer too.
		go h.current.run(context.WithoutCancel(ctx), h.ping)
	}
	l := h.current
	h.mu.Unlock()

	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *look) run(ctx context.Context, ping func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	l.err = ping(ctx)
	l.expires = time.Now().Add(pingKept)
	close(l.done)
}

func (l *look) expired() bool {
	select {
	case <-l.done:
		return time.Now().After(l.expires)
	default:
		return false
	}
}

// ready fails when the service should get no requests.
func (h *health) ready(ctx context.Context) bool {
	return !h.draining.Load() && h.database(ctx) == nil
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
	if answer.Database != statusOK || h.draining.Load() {
		answer.Status, code = statusUnavailable, http.StatusServiceUnavailable
		w.Header().Set("Retry-After", retryAfter)
	}
	writeJSON(w, code, answer)
}

// serveLive answers /livez: the process runs and serves HTTP.
func (h *health) serveLive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, status{Status: statusOK})
}

// Check answers grpc.health.v1.Health/Check, for the whole server and for the
// one service it has.
func (h *health) Check(ctx context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if err := knownService(req); err != nil {
		return nil, err
	}
	if !h.ready(ctx) {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
}

// Watch has the health looked at every second until stop is called.
func (h *health) Watch(_ context.Context, req *grpchealth.CheckRequest, onChange func()) (stop func(), err error) {
	if err := knownService(req); err != nil {
		return nil, err
	}
	stopped := make(chan struct{})
	go func() {
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				onChange()
			case <-stopped:
				return
			}
		}
	}()
	return func() { close(stopped) }, nil
}

func knownService(req *grpchealth.CheckRequest) error {
	if req.Service == "" || req.Service == serviceName {
		return nil
	}
	return connect.NewError(connect.CodeNotFound, errors.New("unknown service"))
}
