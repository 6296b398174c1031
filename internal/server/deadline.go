package server

import (
	"context"
	"net/http"
	"time"
)

// withDeadline bounds the time of a request: that of a call by its context, that
// of reading the body by the connection's read deadline. Streams have bounds of
// their own, by their method, and end with drained. The time of writing a response is
// bounded by responseWriter.
func withDeadline(drained context.Context, streamOf func(*http.Request) *streamConfig, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stream := streamOf(r); stream != nil {
			stream.serve(drained, next, w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), CallTimeout)
		defer cancel()
		state := stateOf(ctx)
		state.deadline, _ = ctx.Deadline()
		state.request, state.ending = r.Context(), drained
		setReadDeadline(w, r)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// serve serves a stream until next returns. It cancels the stream's context at
// its maxDuration and when drained is done.
func (s *streamConfig) serve(drained context.Context, next http.Handler, w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	if s.maxDuration > 0 {
		var stop context.CancelFunc
		duration, reason := s.duration()
		ctx, stop = context.WithTimeoutCause(ctx, duration, reason)
		defer stop()
	}
	if !s.handlesDrain {
		defer afterFunc(drained, func() { cancel(errDraining) })()
	}
	state := stateOf(ctx)
	state.stream = &openStream{config: s, end: cancel}
	defer state.stream.stopExpiry()
	state.deadline, _ = ctx.Deadline()
	state.response.beginStream()
	setReadDeadline(w, r)
	if s.hasManyMessages() && r.ProtoMajor == 1 {
		// The read deadline that ends this stream would also cancel the next
		// request on the connection.
		w.Header().Set("Connection", "close")
		// net/http reads the rest of the body afterwards. The last message left
		// no deadline.
		defer setReadDeadline(w, r)
	}
	next.ServeHTTP(w, r.WithContext(ctx))
}

// setReadDeadline sets the deadline by which the body of a request has to be
// sent, if it has one.
func setReadDeadline(w http.ResponseWriter, r *http.Request) {
	if hasBody(r) {
		// It does not fail on a connection of net/http.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
}

func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

// afterFunc is [context.AfterFunc] for a function that must not outlive its
// caller. The stop that it returns prevents the call of f, or waits for it to
// return; that of the standard library does not wait.
func afterFunc(ctx context.Context, f func()) (stop func()) {
	returned := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(returned)
		f()
	})
	return func() {
		if !cancel() {
			<-returned
		}
	}
}
