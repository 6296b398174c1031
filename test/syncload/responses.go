//go:build linux

package syncload

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// responses counts what a client's HTTP requests come to, whatever its protocol makes of it.
type responses struct {
	unansweredReads   atomic.Int64 // No response, or one that breaks off.
	unansweredWrites  atomic.Int64
	brokenOff         atomic.Int64 // A stream that breaks off.
	otherFailures     atomic.Int64 // 5xx but for 503.
	withoutRetryAfter atomic.Int64 // 503 that doesn't say when to try again.
}

// observer sends requests and counts their responses.
type observer struct {
	http.RoundTripper
	counts    *responses
	ofStreams bool
}

// RoundTrip implements [http.RoundTripper].
func (o observer) RoundTrip(req *http.Request) (*http.Response, error) {
	unanswered := &o.counts.unansweredWrites
	if o.ofStreams || isRead(req) {
		unanswered = &o.counts.unansweredReads
	}
	res, err := o.RoundTripper.RoundTrip(req)
	switch {
	case err != nil:
		count(req.Context(), unanswered)
		return nil, err //nolint:wrapcheck // Connect looks for its kind.
	case res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "":
		o.counts.withoutRetryAfter.Add(1)
	case res.StatusCode >= http.StatusInternalServerError && res.StatusCode != http.StatusServiceUnavailable:
		o.counts.otherFailures.Add(1)
	}
	if o.ofStreams {
		unanswered = &o.counts.brokenOff
	}
	res.Body = &observedBody{ReadCloser: res.Body, broken: func() { count(req.Context(), unanswered) }}
	return res, nil
}

// isRead reports whether a request is a call that changes nothing.
func isRead(req *http.Request) bool {
	switch req.URL.Path {
	case todov1connect.TodoServiceGetTodoProcedure, todov1connect.TodoServiceListTodosProcedure, todov1connect.TodoServiceSyncTodosProcedure:
		return true
	default:
		return false
	}
}

// count counts a request without a whole response, unless the caller has left.
func count(ctx context.Context, n *atomic.Int64) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		n.Add(1)
	}
}

// observedBody is the body of a response that ought not to break off.
type observedBody struct {
	io.ReadCloser
	broken func()
}

// Read implements [io.Reader].
func (b *observedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && b.broken != nil {
		b.broken()
		b.broken = nil // Once.
	}
	return n, err //nolint:wrapcheck // Connect looks for its kind.
}
