package server

import (
	"cmp"
	"time"

	"connectrpc.com/connect"
)

// The bounds of a request. Those of streams are in streams.go, those of
// connections in http.go.
const (
	// maxMessageBytes bounds a message as it is sent, unless its procedure has a bound
	// of its own.
	maxMessageBytes = 64 << 10
	// pathBytes is how much larger a message may be after decompression, and after a
	// REST request's path was added to it.
	pathBytes = 1 << 10
	// bodyTimeout bounds the time that a caller takes to send a body, or one
	// message of a stream.
	bodyTimeout = 10 * time.Second
	// CallTimeout bounds a unary call. Callers may ask for less. It is longer than a
	// statement of the database may take.
	CallTimeout = 10 * time.Second

	// maxHeaderBytes bounds the headers of a request with its path and query,
	// counted as by HTTP/2. The longest token fits.
	maxHeaderBytes = 16 << 10
	// headerOverhead is what HTTP/2 counts for each header besides its name and
	// value (RFC 9113 section 6.5.2).
	headerOverhead = 32
	// maxHeaders bounds the number of headers. Browsers and load balancers
	// together send about 30.
	maxHeaders = 100
	// maxParsedHeaderBytes bounds each header that is parsed before the caller is
	// authenticated. A list of all the names that Accept-Encoding may have is a
	// quarter of that.
	maxParsedHeaderBytes = 256
)

// boundOf returns the option for the bound of each procedure's messages.
func boundOf(messageBytes map[string]int64, option func(limit int64) connect.HandlerOption) connect.HandlerOption {
	return connect.WithConditionalHandlerOptions(func(spec connect.Spec) []connect.HandlerOption {
		return []connect.HandlerOption{option(cmp.Or(messageBytes[spec.Procedure], maxMessageBytes))}
	})
}

// withReadLimit bounds the messages that Connect reads.
func withReadLimit(messageLimit int64) connect.HandlerOption {
	return connect.WithReadMaxBytes(int(messageLimit) + pathBytes)
}

// messageLimit is the bound of the request's messages. That of its procedure holds once
// the caller is admitted, which is before the body is read.
func (s *requestState) messageLimit() int64 { return cmp.Or(s.messageBytes, maxMessageBytes) }
