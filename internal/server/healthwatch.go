package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
)

const (
	// watchInterval is how often a watch checks the health.
	watchInterval = time.Second
	// statusServiceUnknown is what the protocol demands for a watch of an unknown
	// service. grpchealth has no name for it.
	statusServiceUnknown grpchealth.Status = 3
)

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

// healthWatch is an open Health/Watch.
type healthWatch struct {
	again func()            // Makes grpchealth call Check again.
	told  bool              // The caller was sent a status.
	last  grpchealth.Status // The latest that was sent.
}

// tell reports whether the caller is sent a status. Once streams have to end, only
// a change is sent, and the next Check ends the watch.
func (w *healthWatch) tell(status grpchealth.Status, ended bool) bool {
	if ended {
		if w.told && w.last == status {
			return false
		}
		w.again()
	}
	w.told, w.last = true, status
	return true
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
