package server

import "time"

// The bounds of a request. Those of streams are in streams.go, those of
// connections in http.go.
const (
	// maxMessageBytes bounds a message as it is sent.
	maxMessageBytes = 64 << 10
	// maxDecodedBytes bounds a message after decompression, and after a REST
	// request's path was added to it.
	maxDecodedBytes = maxMessageBytes + 1<<10
	// bodyTimeout bounds the time that a caller takes to send a body, or one
	// message of a stream.
	bodyTimeout = 10 * time.Second
	// callTimeout bounds a unary call. Callers may ask for less.
	callTimeout = 10 * time.Second

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
