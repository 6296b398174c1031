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

// withBody bounds the body of a request, and turns the errors of reading it into
// ones that Connect's handlers pass on unchanged.
func withBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hasBody(r) {
			stream := stateOf(r.Context()).streamConfig()
			body := &boundedBody{src: r.Body, conn: w, state: stateOf(r.Context()), timed: true}
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

// boundedBody bounds the size of a body and the time of reading it. When each
// message has an envelope, it bounds the size of each message, and on a stream of
// many messages the time too.
type boundedBody struct {
	src   io.Reader
	conn  http.ResponseWriter
	state *requestState // Has the bound, which may be known only when the caller is.
	read  int64         // The bytes that have come.

	enveloped bool
	envelopes envelopes

	timed         bool  // The connection has a read deadline.
	timesMessages bool  // Each message has its own deadline.
	err           error // Of an earlier Read; later ones return it too.
}

// Read implements [io.Reader].
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
		// The deadline was for the body. net/http goes on reading, to notice that
		// the caller leaves, and the deadline would end the request then.
		b.setTimeout(0)
	}
	b.read += int64(n)
	if charged := b.state.chargeBytes(b.read); charged != nil {
		n, err = 0, charged
	}
	b.err = err
	return n, err
}

// Close leaves the body open. Connect closes it before it flushes a response, and
// net/http would read the rest of the body first. net/http closes it afterwards.
func (*boundedBody) Close() error { return nil }

func (b *boundedBody) readPlain(p []byte) (int, error) {
	limit := b.state.messageLimit()
	left := limit - b.read
	n, err := b.src.Read(p[:min(int64(len(p)), left+1)])
	if int64(n) > left {
		return n - 1, errTooLarge(limit)
	}
	return n, readError(err)
}

func (b *boundedBody) readEnveloped(p []byte) (int, error) {
	if b.timesMessages && b.envelopes.within() {
		b.setTimeout(bodyTimeout)
	}
	n, err := b.src.Read(p[:min(int64(len(p)), b.envelopes.next())])
	// Connect must not see an envelope that is rejected: it would read all that
	// the envelope announces.
	if rejected := b.envelopes.take(p[:n], b.state.messageLimit()); rejected != nil {
		return 0, rejected
	}
	switch {
	case err == io.EOF && b.envelopes.within():
		return n, b.envelopes.truncated()
	case b.timesMessages && !b.envelopes.within():
		b.setTimeout(0)
	}
	return n, readError(err)
}

// setTimeout sets the read deadline if there is none. With 0 it removes the
// deadline.
func (b *boundedBody) setTimeout(timeout time.Duration) {
	if b.timed == (timeout > 0) {
		return
	}
	b.timed = timeout > 0
	var deadline time.Time
	if b.timed {
		deadline = time.Now().Add(timeout)
	}
	_ = http.NewResponseController(b.conn).SetReadDeadline(deadline) // It does not fail on a connection of net/http.
}

// readError translates an error of net/http. Most of them have no type of their
// own, so everything that is not recognised is a malformed body.
func readError(err error) error {
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

// isGone reports whether reading failed because the caller reset or closed the
// stream or the connection.
func isGone(err error) bool {
	if _, ok := errors.AsType[streamResetError](err); ok {
		return true
	}
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed) ||
		err.Error() == "client disconnected" // The end of an HTTP/2 connection; net/http exports no error for it.
}

// streamResetError is net/http's error for a reset HTTP/2 stream. Its As method
// converts it to any struct with these fields (net/http/h2_error.go).
type streamResetError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamResetError) Error() string { return fmt.Sprintf("stream %d was reset", e.StreamID) }
