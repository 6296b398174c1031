package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"
)

// The bounds of a request. Those of connections are the server's, in
// cmd/todod.
const (
	// maxMessageBytes bounds a message as it is sent.
	maxMessageBytes = 64 << 10
	// maxDecodedBytes bounds it after decompression, and after the transcoder
	// has put the members of the path in front.
	maxDecodedBytes = maxMessageBytes + 1<<10
	// envelopeBytes is what gRPC and gRPC-Web put before a message.
	envelopeBytes = 5
	// bodyTimeout bounds the time a caller takes to send a body.
	bodyTimeout = 10 * time.Second
	// callTimeout bounds a call; callers may ask for less.
	callTimeout = 10 * time.Second
	// streamTimeout bounds a stream (reflection, health watches).
	streamTimeout = time.Minute
	// maxErrorText bounds a message that quotes what a caller sent.
	maxErrorText = 300
)

// withDeadline bounds the time of a request: the call's own by its context, the
// sending of its body by the connection's deadline. A stream ends early when
// draining does. (The reading of its answer is answerWriter's.)
func withDeadline(draining context.Context, isStream func(path string) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream := isStream(r.URL.Path)
		timeout := callTimeout
		if stream {
			timeout = streamTimeout
		}
		x := exchangeOf(r.Context())
		ctx, cancel := context.WithTimeout(x.Context, timeout)
		defer cancel()
		x.Context = ctx // And so r's.
		if stream {
			defer context.AfterFunc(draining, cancel)()
			// A handler that waits for its caller's next message hears of
			// the end by its reading only.
			defer afterFunc(ctx, func() {
				_ = http.NewResponseController(w).SetReadDeadline(time.Now())
			})()
		}
		x.answer.stream = stream
		if !stream && hasBody(r) {
			// It does not fail on a connection that net/http serves.
			_ = x.answer.SetReadDeadline(time.Now().Add(bodyTimeout))
		}
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

func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

// withSize bounds a request's body, and turns what can go wrong in reading it
// into errors that the Connect handlers pass on as they are.
func withSize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hasBody(r) {
			limit := int64(maxMessageBytes)
			if isGRPC(r) {
				limit += envelopeBytes
			}
			x := exchangeOf(r.Context())
			x.body = boundedBody{LimitedReader: io.LimitedReader{R: r.Body, N: limit + 1}, conn: w}
			r.Body = &x.body
		}
		next.ServeHTTP(w, r)
	})
}

// boundedBody is a request body with a size and a deadline.
type boundedBody struct {
	io.LimitedReader // Ends a byte beyond the bound.
	conn             http.ResponseWriter
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.LimitedReader.Read(p)
	switch {
	case b.N == 0:
		return max(n-1, 0), errTooLarge()
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		// The deadline was the body's. Left in place it would end the
		// request itself: net/http goes on reading, to see callers leave.
		_ = http.NewResponseController(b.conn).SetReadDeadline(time.Time{})
		return n, io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, connect.NewError(connect.CodeDeadlineExceeded,
			errors.New("the request body did not arrive in time"))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, connect.NewError(connect.CodeInvalidArgument,
			errors.New("the request body ended early"))
	}
	return n, err
}

// Close leaves the body open. Connect closes it before it flushes an answer,
// and net/http would then first read what the caller has not sent yet; it
// closes the body itself, afterwards.
func (*boundedBody) Close() error { return nil }

func errTooLarge() *connect.Error {
	return connect.NewError(connect.CodeResourceExhausted,
		fmt.Errorf("the request is larger than %d bytes", maxMessageBytes))
}
