package rpc

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	// pingTimeout bounds a look at the database.
	pingTimeout = 2 * time.Second
	// pingKept is how long its result is good for.
	pingKept = time.Second
)

// errHealthClosed says that nothing is looked at any more.
var errHealthClosed = errors.New("rpc: the health was closed")

// health knows whether the service can serve: the database could run its
// statements, and the service isn't draining. Whether tokens can be verified
// doesn't count: an issuer that is away would take down every replica at once.
type health struct {
	ping func(context.Context) error

	// draining is done when the service begins to drain, ended when its streams
	// have to end, and looking when the database is no longer looked at.
	draining, ended, looking context.Context
	drain, end, stopLooking  context.CancelFunc

	mu      sync.Mutex
	current *look // The last look at the database, or the one under way.
}

// newHealth returns a health that has to be closed.
func newHealth(ping func(context.Context) error) *health {
	h := &health{ping: ping}
	h.draining, h.drain = context.WithCancel(context.Background())
	h.ended, h.end = context.WithCancel(context.Background())
	h.looking, h.stopLooking = context.WithCancel(context.Background())
	return h
}

// close ends the look at the database that is under way, and all later ones.
func (h *health) close() {
	h.drain()
	h.end()
	h.stopLooking()
	h.mu.Lock()
	l := h.current
	h.mu.Unlock()
	if l != nil {
		<-l.done
	}
}

// look is one look at the database, shared by all who ask meanwhile.
type look struct {
	done    chan struct{}
	err     error     // Valid once done is closed.
	expires time.Time // Valid once done is closed.
}

// database looks at the database, or returns what was seen within a second.
func (h *health) database(ctx context.Context) error {
	l, err := h.look()
	if err != nil {
		return err
	}
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ready reports whether the service should get requests. That it drains, it
// reports at once, whatever the database does.
func (h *health) ready(ctx context.Context) bool {
	l, err := h.look()
	if err != nil {
		return false
	}
	select {
	case <-l.done:
		return l.err == nil && h.draining.Err() == nil
	case <-h.draining.Done():
	case <-ctx.Done():
	}
	return false
}

// look returns the look at the database that is good for an answer now. It may
// be under way.
func (h *health) look() (*look, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil || h.current.expired() {
		if h.looking.Err() != nil {
			return nil, errHealthClosed
		}
		h.current = &look{done: make(chan struct{})}
		// Not by the asker's context: others wait for the answer too, and it
		// keeps all of the asker's request.
		go h.current.run(h.looking, h.ping)
	}
	return h.current, nil
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
