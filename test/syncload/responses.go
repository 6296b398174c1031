//go:build linux

package syncload

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// responses counts what a client's HTTP requests come to, whatever its protocol makes of it.
type responses struct {
	unanswered        atomic.Int64 // No response, or one that breaks off.
	otherFailures     atomic.Int64 // 5xx but for 503.
	withoutRetryAfter atomic.Int64 // 503 that doesn't say when to try again.
}

// observer sends requests and counts their responses.
type observer struct {
	http.RoundTripper
	counts *responses
	// ofStreams means that responses may break off.
	ofStreams bool
}

// RoundTrip implements [http.RoundTripper].
func (o observer) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := o.RoundTripper.RoundTrip(req)
	switch {
	case err != nil:
		o.broken(req.Context())
		return nil, err //nolint:wrapcheck // Connect looks for its kind.
	case res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "":
		o.counts.withoutRetryAfter.Add(1)
	case res.StatusCode >= http.StatusInternalServerError && res.StatusCode != http.StatusServiceUnavailable:
		o.counts.otherFailures.Add(1)
	}
	if !o.ofStreams {
		res.Body = &observedBody{ReadCloser: res.Body, broken: func() { o.broken(req.Context()) }}
	}
	return res, nil
}

// broken counts a request without a whole response, unless the caller has left.
func (o observer) broken(ctx context.Context) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		o.counts.unanswered.Add(1)
	}
}

// observedBody is the body of a response that must not break off.
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
