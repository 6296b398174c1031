package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The bounds of connections. Those of requests are in bounds.go.
const (
	// mostHeaderBytes is far above what is refused request by request: what
	// net/http refuses itself ends, on HTTP/2, the connection with all calls on
	// it.
	mostHeaderBytes   = 4 * maxHeaderBytes
	readHeaderTimeout = 5 * time.Second
	maxStreams        = 100 // On one HTTP/2 connection.

	// writeTimeout is the time of a call and of its answer's first piece. Answers
	// have deadlines of their own. This one is for what net/http answers by
	// itself, to requests with broken headers for instance.
	writeTimeout = callTimeout + chunkTimeout

	// drainTimeout bounds the wait for requests in flight, which take ten seconds
	// at most.
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
		MaxHeaderBytes:    mostHeaderBytes,
		// `OPTIONS *` is answered like any other path that isn't served.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      probeAfter,
			PingTimeout:          http2PingTimeout,
			// Who reads nothing of a whole connection is let go by that alone.
			WriteByteTimeout: chunkTimeout,
		},
	}
}

// Serve serves the connections of a listener, which [Listen] made, until
// [Server.Drain] is called. It fails otherwise.
func (s *Server) Serve(listener net.Listener) error {
	err := s.http.Serve(s.connections.listener(listener))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving: %w", err)
}

// Drain ends the serving without failing a request: load balancers see the
// server become unready and have delay to take note, then the listener closes,
// streams end, and what is in flight finishes.
func (s *Server) Drain(delay time.Duration) error {
	s.logger.Info("draining", "delay_s", delay.Seconds())
	s.health.drain()
	<-time.After(delay)
	s.health.end()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were still in flight after %v: %w", drainTimeout, err), s.http.Close())
	}
	s.logger.Info("drained")
	return nil
}
