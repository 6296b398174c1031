package server

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// The bounds of streams, where their registration has no others.
const (
	// streamLength is how long a stream lasts at most.
	streamLength = time.Minute
	// maxStreamMessages is how many messages a caller may send on one stream.
	// Describing all services takes a reflection client one for each file and
	// symbol, a few dozen.
	maxStreamMessages = 40
	// maxAnonymousPerConn and maxAnonymous bound the streams that are open
	// without a token, of one connection and of the process. A load balancer
	// needs one health watch for each service name, a developer's tool one
	// reflection stream. Each costs the process some 40 KiB.
	maxAnonymousPerConn = 8
	maxAnonymous        = 256
)

var (
	// errDraining ends streams when the service drains.
	errDraining = errors.New("server: the service drains")
	// errStreamLength ends a stream that has lasted as long as it may.
	errStreamLength = errors.New("server: the stream has lasted as long as it may")
	// errStreamDone ends a stream without an error, for a library's handler
	// that can't be made to return otherwise.
	errStreamDone = errors.New("server: the stream is done")
	// errTooManyStreams refuses a stream beyond the bounds of those without a
	// token.
	errTooManyStreams = errors.New("server: too many streams are open")
)

// stream is what the registration of a streaming method says of its streams.
type stream struct {
	// length is how long one lasts at most; 0 is until the drain.
	length time.Duration
	// messages is how many messages its caller may send.
	messages int
	// anonymous says that it needs no token, and so is one of few.
	anonymous bool
	// endsItself says that its handler ends it when the service drains. The
	// context of the others ends then.
	endsItself bool
}

// mostMessages is how many messages a request of this stream, or of a call when
// it is nil, may have. Connect refuses the second of a single one by itself.
func (s *stream) mostMessages() int {
	if s == nil {
		return 2
	}
	return max(2, s.messages)
}

// hasManyMessages reports whether a caller may send more than one message.
func (s *stream) hasManyMessages() bool { return s != nil && s.messages > 1 }

// serve serves a stream within its bounds, until ended is done at most.
func (s *stream) serve(ended context.Context, next http.Handler, w http.ResponseWriter, r *http.Request) {
	x := exchangeOf(r.Context())
	ctx, end := context.WithCancelCause(x.Context)
	defer end(nil)
	if s.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.length, errStreamLength)
		defer cancel()
	}
	if !s.endsItself {
		defer afterFunc(ended, func() { end(errDraining) })()
	}
	x.Context, x.stream = ctx, s // And so r's.
	x.answer.beginStream()
	boundBody(x, r)
	if s.hasManyMessages() && r.ProtoMajor == 1 {
		// A read deadline that ends this stream would cancel the connection's
		// next request.
		w.Header().Set("Connection", "close")
		// For net/http, which reads the rest of the body: the last message left
		// no deadline.
		defer boundBody(x, r)
	}
	next.ServeHTTP(w, r)
}

// anonymousStreams counts the streams of the process that are open without a
// token.
type anonymousStreams struct{ open atomic.Int64 }

// enter counts one more of a connection. It reports whether there is room for
// it; if so, leave has to be called at its end.
func (a *anonymousStreams) enter(conn *clientConn) bool {
	if conn.anonymous.Add(1) > maxAnonymousPerConn {
		conn.anonymous.Add(-1)
		return false
	}
	if a.open.Add(1) > maxAnonymous {
		a.leave(conn)
		return false
	}
	return true
}

func (a *anonymousStreams) leave(conn *clientConn) {
	a.open.Add(-1)
	conn.anonymous.Add(-1)
}
