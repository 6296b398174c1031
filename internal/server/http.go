package server

import (
	"log/slog"
	"net/http"
	"time"
)

// The bounds of connections. Those of requests are in bounds.go.
const (
	// netHTTPHeaderBytes is far above maxHeaderBytes. Beyond it net/http closes
	// an HTTP/2 connection with all calls on it, instead of rejecting one request.
	netHTTPHeaderBytes = 4 * maxHeaderBytes
	readHeaderTimeout  = 5 * time.Second
	maxStreams         = 100 // On one HTTP/2 connection.

	// writeTimeout is the time of a call and of the first chunk of its response.
	// Responses have deadlines of their own. This one is for those that net/http
	// writes by itself, for instance to a request with broken headers.
	writeTimeout = CallTimeout + chunkTimeout

	// drainTimeout bounds the wait for calls in flight, which have CallTimeout and
	// then write their responses.
	drainTimeout = 15 * time.Second
)

// newHTTPServer returns a server of HTTP/1.1 and, on the same port and without
// TLS, HTTP/2. It keeps idle connections for keepAlive.
func newHTTPServer(handler http.Handler, limit *connectionLimit, keepAlive time.Duration, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           handler,
		ConnContext:       connContext,
		ConnState:         limit.track,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    netHTTPHeaderBytes,
		// `OPTIONS *` is an unknown path like any other.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      probeAfter,
			PingTimeout:          http2PingTimeout,
			// It closes a connection of which the client reads nothing at all.
			WriteByteTimeout: chunkTimeout,
		},
	}
}
