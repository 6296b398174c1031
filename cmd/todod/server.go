package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"example.com/todo-backend/internal/server"
)

// The bounds of connections. Those of requests are internal/server's.
const (
	// maxHeaderBytes is far above what internal/server refuses, call by call.
	maxHeaderBytes    = 4 * server.MaxHeaderBytes
	readHeaderTimeout = 5 * time.Second
	maxStreams        = 100 // On one HTTP/2 connection.

	// A peer that has vanished is noticed within a minute, however long idle
	// connections are kept: by pings on HTTP/2, by TCP on HTTP/1.1.
	probeAfter    = 30 * time.Second // Of silence.
	pingTimeout   = 15 * time.Second
	probeInterval = 10 * time.Second
	probes        = 3
)

// newServer returns a server of HTTP/1.1 and, on the same port and without
// TLS, HTTP/2. It keeps idle connections for keepAlive.
func newServer(handler http.Handler, limit *connectionLimit, keepAlive time.Duration, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           handler,
		ConnContext:       server.ConnContext,
		ConnState:         limit.track,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		WriteTimeout:      server.WriteTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHeaderBytes,
		// `OPTIONS *` is answered like any other path that isn't served.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      probeAfter,
			PingTimeout:          pingTimeout,
			WriteByteTimeout:     server.PieceTimeout,
		},
	}
}

// listen binds the address. Connections that it accepts are probed.
func listen(ctx context.Context, address string) (net.Listener, error) {
	config := net.ListenConfig{
		Control: boundUnanswered,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     probeAfter,
			Interval: probeInterval,
			Count:    probes,
		},
	}
	config.SetMultipathTCP(false) // It lacks the option that bounds what is unanswered.
	return config.Listen(ctx, "tcp", address)
}
