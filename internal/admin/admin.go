// Package admin serves operators on an address of its own: metrics and Go's profiles.
// It has no authentication, so the address must be one that only operators reach.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

const (
	readHeaderTimeout = 5 * time.Second
	// writeTimeout is for a response. The handlers of profiles add the time that they
	// were asked to measure for.
	writeTimeout = 10 * time.Second
	// idleTimeout is above the usual intervals of scrapes, a minute at most.
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	// closeTimeout bounds the wait for a scrape in flight when the process ends.
	closeTimeout = time.Second
)

// Server serves metrics and profiles. There is no read timeout: net/http would take its
// end for that of the caller, and end a profile that takes longer.
type Server struct {
	http   *http.Server
	addr   net.Addr
	served chan struct{}
}

// Listen binds an address and serves it until [Server.Close]. It fails when the address
// can't be bound.
func Listen(ctx context.Context, address string, metrics http.Handler, logger *slog.Logger) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics can't be served on ADMIN_ADDR: %w", err)
	}
	s := &Server{
		http: &http.Server{
			Handler:           routes(metrics),
			ReadHeaderTimeout: readHeaderTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		},
		addr:   listener.Addr(),
		served: make(chan struct{}),
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.ErrorContext(ctx, "metrics are not served any more", "cause", err.Error())
		}
	}()
	return s, nil
}

// routes has all paths. A profile's own paths are below that of the index.
func routes(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// Addr returns the address that was bound.
func (s *Server) Addr() net.Addr { return s.addr }

// Close stops serving. A scrape in flight has a second to end.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close() // Of connections; what fails there is moot.
	}
	<-s.served
}
