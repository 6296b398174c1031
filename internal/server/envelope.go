package server

import (
	"encoding/binary"
	"net/http"

	"connectrpc.com/connect"
)

const (
	// envelopeBytes is the size of the envelope before each message of gRPC,
	// gRPC-Web and Connect's streams: one byte of flags, and the message's length
	// in four.
	envelopeBytes = 5
	// envelopeCompressed is the only flag that a request may set.
	envelopeCompressed = 0x01
)

// envelopes parses the envelopes of a body while it is read, so that a message
// can be rejected before it is read.
type envelopes struct {
	limit      int  // How many messages the body may have.
	compressed bool // The messages may be compressed.

	count  int // Messages that have begun.
	prefix [envelopeBytes]byte
	read   int   // Bytes of the prefix.
	left   int64 // Bytes of the message that are still to come.
}

// mayCompress reports whether a request has a header that says how its messages
// are compressed.
func mayCompress(r *http.Request) bool {
	encoding := r.Header.Get("Connect-Content-Encoding")
	if isGRPC(r) {
		encoding = r.Header.Get("Grpc-Encoding")
	}
	return encoding != "" && encoding != "identity"
}

// next is the most that may be read next: to the end of the envelope, or of its
// message.
func (e *envelopes) next() int64 {
	if e.left > 0 {
		return e.left
	}
	return int64(envelopeBytes - e.read)
}

// within reports whether a message has begun and not ended.
func (e *envelopes) within() bool { return e.read > 0 || e.left > 0 }

// take parses what was read, which is no more than next allowed. It fails when
// the envelope is to be rejected, as when its message is larger than a limit.
func (e *envelopes) take(p []byte, messageLimit int64) error {
	if e.left > 0 {
		e.left -= int64(len(p))
		return nil
	}
	e.read += copy(e.prefix[e.read:], p)
	if e.read < envelopeBytes {
		return nil
	}
	e.read = 0
	e.left = int64(binary.BigEndian.Uint32(e.prefix[1:]))
	e.count++
	flags := e.prefix[0]
	switch {
	case e.count > e.limit:
		return callerErrorf(connect.CodeResourceExhausted, "one stream takes at most %d messages; open another one", e.limit)
	case flags&^envelopeCompressed != 0:
		return callerErrorf(connect.CodeInvalidArgument, "the envelope of message %d has flags that no request has: 0x%02x", e.count, flags)
	case flags != 0 && !e.compressed:
		return callerErrorf(connect.CodeInvalidArgument, "message %d is compressed, and no header says how", e.count)
	case e.left > messageLimit:
		return errTooLarge(messageLimit)
	}
	return nil
}

// truncated returns the error of a body that ends within a message.
func (e *envelopes) truncated() error {
	if e.left == 0 {
		return callerErrorf(connect.CodeInvalidArgument, "the request ends within the envelope of a message")
	}
	size := binary.BigEndian.Uint32(e.prefix[1:])
	return callerErrorf(connect.CodeInvalidArgument, "the message ends before the %d bytes that its envelope announces", size)
}
