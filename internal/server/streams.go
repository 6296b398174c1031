package server

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// The bounds of streams whose streamConfig has no others.
const (
	// maxStreamDuration is how long a stream lasts.
	maxStreamDuration = time.Minute
	// maxStreamMessages is how many messages a caller may send on one stream. grpcurl
	// describes all services with three; other reflection clients send one for each
	// file and symbol, two dozen. More would cost more than ten calls that are refused.
	maxStreamMessages = 30
	// maxAnonymousPerConn and maxAnonymous bound the open streams without a
	// token, of one connection and of the process. A load balancer needs one
	// health watch for each service name, a developer's tool one reflection
	// stream. Each takes about 40 KiB.
	maxAnonymousPerConn = 8
	maxAnonymous        = 256
	// durationJitter is the part of its length by which a stream that is opened again
	// may end earlier or later.
	durationJitter = 0.1
)

var (
	// errDraining ends streams when the server drains.
	errDraining = errors.New("server: draining")
	// errStreamDuration ends a stream that has lasted for its maxDuration.
	errStreamDuration = errors.New("server: the stream has lasted as long as it may")
	// errStreamRenewal ends a stream that its caller is meant to open again.
	errStreamRenewal = errors.New("server: the stream is to be opened again")
	// errExpired ends a stream whose caller's credentials have expired.
	errExpired = errors.New("server: the caller's credentials have expired")
	// errStreamDone ends a stream without an error. It is for a library's handler
	// that returns for nothing else.
	errStreamDone = errors.New("server: the stream is done")
	// errTooManyStreams rejects an anonymous stream beyond the bounds.
	errTooManyStreams = errors.New("server: too many streams are open")
)

// streamConfig has the bounds of a method's streams.
type streamConfig struct {
	// maxDuration is how long a stream lasts; 0 means until the drain.
	maxDuration time.Duration
	// isRenewed means that callers open a stream again where it ended. Its length
	// varies, so that streams that were opened at once don't end at once.
	isRenewed bool
	// maxMessages is how many messages the caller may send.
	maxMessages int
	// anonymous means that no token is needed. The number of such streams is
	// bounded.
	anonymous bool
	// handlesDrain means that the handler ends the stream when the server drains.
	// The context of other streams is canceled.
	handlesDrain bool
}

// messageLimit is how many messages are read from the body of a stream, or of a
// unary call when s is nil. It is at least 2: Connect itself rejects the second
// message where one is allowed.
func (s *streamConfig) messageLimit() int {
	if s == nil {
		return 2
	}
	return max(2, s.maxMessages)
}

// hasManyMessages reports whether a caller may send more than one message.
func (s *streamConfig) hasManyMessages() bool { return s != nil && s.maxMessages > 1 }

// duration returns how long the next stream lasts, and why it ends then.
func (s *streamConfig) duration() (time.Duration, error) {
	if !s.isRenewed {
		return s.maxDuration, errStreamDuration
	}
	return s.maxDuration + time.Duration((rand.Float64()*2-1)*durationJitter*float64(s.maxDuration)), errStreamRenewal //nolint:gosec // Not a secret.
}

// openStream is a stream under way.
type openStream struct {
	config *streamConfig
	end    context.CancelCauseFunc
	expiry *time.Timer // Ends the stream; nil for never.
	sent   int         // Messages.
}

// stopExpiry is called when the stream has ended.
func (o *openStream) stopExpiry() {
	if o.expiry != nil {
		o.expiry.Stop()
	}
}

// streamConfig returns the bounds of a request's stream, or nil for a unary call.
func (s *requestState) streamConfig() *streamConfig {
	if s.stream == nil {
		return nil
	}
	return s.stream.config
}

// expireStream ends the request's stream at a time, if it is a stream. The zero time is
// never.
func (s *requestState) expireStream(at time.Time) {
	if s.stream == nil || at.IsZero() {
		return
	}
	end := s.stream.end
	s.stream.expiry = time.AfterFunc(time.Until(at), func() { end(errExpired) })
}

// streamEnd is why a stream ended, in the log.
type streamEnd string

const (
	endDone   streamEnd = "done"   // The handler returned.
	endError  streamEnd = "error"  // The handler failed.
	endCaller streamEnd = "caller" // The caller left, passed its deadline, or broke the protocol.
	endLength streamEnd = "length" // The stream lasted for its maxDuration.
	endExpiry streamEnd = "expiry" // The caller's credentials expired.
	endDrain  streamEnd = "drain"  // The server drains.
)

// anonymousStreams counts the open streams without a token.
type anonymousStreams struct{ open atomic.Int64 }

// acquire counts one more stream of a connection. It reports whether the bounds
// allow it; if so, release has to be called when the stream ends.
func (a *anonymousStreams) acquire(conn *clientConn) bool {
	if conn.anonymous.Add(1) > maxAnonymousPerConn {
		conn.anonymous.Add(-1)
		return false
	}
	if a.open.Add(1) > maxAnonymous {
		a.release(conn)
		return false
	}
	return true
}

func (a *anonymousStreams) release(conn *clientConn) {
	a.open.Add(-1)
	conn.anonymous.Add(-1)
}
