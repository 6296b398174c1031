package server

import (
	"context"
	"net/http"
	"time"
)

// The bounds of a request. Those of streams are in streams.go, those of
// connections in http.go.
const (
	// maxMessageBytes bounds a message as it is sent.
	maxMessageBytes = 64 << 10
	// maxDecodedBytes bounds a message after decompression, and after a REST
	// request's path was added to it.
	maxDecodedBytes = maxMessageBytes + 1<<10
	// bodyTimeout bounds the time that a caller takes to send a body, or one
	// message of a stream.
	bodyTimeout = 10 * time.Second
	// callTimeout bounds a unary call. Callers may ask for less.
	callTimeout = 10 * time.Second
)

// withDeadline bounds the time of a request: that of a call by its context, that
// of reading the body by the connection's read deadline. Streams have bounds of
// their own, by their path, and end with drained. The time of writing a response is
// bounded by responseWriter.
func withDeadline(drained context.Context, streamOf func(path string) *streamConfig, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stream := streamOf(r.URL.Path); stream != nil {
			stream.serve(drained, next, w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
		defer cancel()
		stateOf(ctx).deadline, _ = ctx.Deadline()
		setReadDeadline(w, r)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
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
