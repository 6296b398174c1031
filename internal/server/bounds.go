package server

import (
	"context"
	"net/http"
	"time"
)

// The bounds of a request. Those of streams are in streams.go, those of
// connections are the server's, in cmd/todod.
const (
	// maxMessageBytes bounds a message as it is sent.
	maxMessageBytes = 64 << 10
	// maxDecodedBytes bounds it after decompression, and after the transcoder
	// has put the members of the path in front.
	maxDecodedBytes = maxMessageBytes + 1<<10
	// bodyTimeout bounds the time a caller takes to send a body, or a message
	// of a stream.
	bodyTimeout = 10 * time.Second
	// callTimeout bounds a call; callers may ask for less.
	callTimeout = 10 * time.Second
)

// withDeadline bounds the time of a request: the call's own by its context, the
// sending of its body by the connection's deadline. Streams have bounds of their own,
// by their path, and end with ended. (The reading of its answer is answerWriter's.)
func withDeadline(ended context.Context, streamOf func(path string) *stream, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := streamOf(r.URL.Path); s != nil {
			s.serve(ended, next, w, r)
			return
		}
		x := exchangeOf(r.Context())
		ctx, cancel := context.WithTimeout(x.Context, callTimeout)
		defer cancel()
		x.Context = ctx // And so r's.
		boundBody(x, r)
		next.ServeHTTP(w, r)
	})
}

// afterFunc is [context.AfterFunc] for functions that use what is only good
// until a handler returns: when stop returns, f has ended or will not be
// called. That of the standard library does not wait for one that has begun.
func afterFunc(ctx context.Context, f func()) (stop func()) {
	ended := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(ended)
		f()
	})
	return func() {
		if !cancel() {
			<-ended
		}
	}
}

// boundBody sets the deadline by which the caller has sent the body, if there is one
// to read.
func boundBody(x *exchange, r *http.Request) {
	if hasBody(r) {
		// It does not fail on a connection that net/http serves.
		_ = x.answer.SetReadDeadline(time.Now().Add(bodyTimeout))
	}
}

func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }
