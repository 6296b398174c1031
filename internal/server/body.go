package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"connectrpc.com/connect"
)

// withSize bounds a request's body, and turns what can go wrong in reading it
// into errors that the Connect handlers pass on as they are.
func withSize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hasBody(r) {
			stream := stateOf(r.Context()).stream
			body := &boundedBody{src: r.Body, conn: w, left: maxMessageBytes, timed: true}
			if isGRPC(r) || stream != nil {
				body.enveloped = true
				body.envelopes = envelopes{limit: stream.messageLimit(), compressed: mayCompress(r)}
				body.timesMessages = stream.hasManyMessages()
			}
			r.Body = body
		}
		next.ServeHTTP(w, r)
	})
}

// boundedBody bounds the size of a request's body and the time it takes, or
// those of each of its messages.
type boundedBody struct {
	src  io.Reader
	conn http.ResponseWriter
	left int64 // Bytes that may come yet, of a body without envelopes.

	enveloped bool
	envelopes envelopes

	timed         bool  // The connection has a read deadline.
	timesMessages bool  // Each message has its own deadline.
	err           error // Of an earlier Read; it is returned again.
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	var n int
	var err error
	if b.enveloped {
		n, err = b.readEnveloped(p)
	} else {
		n, err = b.readPlain(p)
	}
	if err == io.EOF { //nolint:errorlint // As readers return it.
		// The deadline was the body's. Left in place it would end the
		// request itself: net/http goes on reading, to see callers leave.
		b.setTimeout(0)
	}
	b.err = err
	return n, err
}

func (b *boundedBody) readPlain(p []byte) (int, error) {
	n, err := b.src.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errTooLarge()
	}
	return n, b.problem(err)
}

func (b *boundedBody) readEnveloped(p []byte) (int, error) {
	if b.timesMessages && b.envelopes.within() {
		b.setTimeout(bodyTimeout)
	}
	n, err := b.src.Read(p[:min(int64(len(p)), b.envelopes.next())])
	// Connect must not see an envelope that is refused: it would read to the
	// end of what it announces.
	if problem := b.envelopes.take(p[:n]); problem != nil {
		return 0, problem
	}
	switch {
	case err == io.EOF && b.envelopes.within():
		return n, b.envelopes.cut()
	case b.timesMessages && !b.envelopes.within():
		b.setTimeout(0)
	}
	return n, b.problem(err)
}

// setTimeout sets the read deadline unless there is one, or, with 0, takes it
// away.
func (b *boundedBody) setTimeout(timeout time.Duration) {
	if b.timed == (timeout > 0) {
		return
	}
	b.timed = timeout > 0
	var deadline time.Time
	if b.timed {
		deadline = time.Now().Add(timeout)
	}
	_ = http.NewResponseController(b.conn).SetReadDeadline(deadline) // It does not fail on net/http's connections.
}

// problem translates an error of net/http. Most of them have no type, so what is
// left is a malformed body.
func (b *boundedBody) problem(err error) error {
	switch {
	case err == nil || err == io.EOF: //nolint:errorlint // As readers return it.
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return callerErrorf(connect.CodeDeadlineExceeded, "the request body did not arrive in time")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return callerErrorf(connect.CodeInvalidArgument, "the request body ended early")
	case isGone(err):
		return errCallerGone()
	}
	return callerErrorf(connect.CodeInvalidArgument, "the request body is malformed HTTP: its chunks or its length are wrong")
}

// isGone reports whether reading failed because the caller reset its stream or
// its connection, or closed it.
func isGone(err error) bool {
	if _, ok := errors.AsType[streamResetError](err); ok {
		return true
	}
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed) ||
		err.Error() == "client disconnected" // HTTP/2's connection ended; net/http has no name for it.
}

// streamResetError is net/http's error for an HTTP/2 stream that was reset: its
// As converts to any struct with these fields (net/http/h2_error.go).
type streamResetError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamResetError) Error() string { return fmt.Sprintf("stream %d was reset", e.StreamID) }

// Close leaves the body open. Connect closes it before it flushes an answer,
// and net/http would then first read what the caller has not sent yet; it
// closes the body itself, afterwards.
func (*boundedBody) Close() error { return nil }

func errTooLarge() *connect.Error {
	return callerErrorf(connect.CodeResourceExhausted, "the request is larger than %d bytes", maxMessageBytes)
}

func errCallerGone() *connect.Error {
	return callerErrorf(connect.CodeCanceled, "the call was canceled")
}
