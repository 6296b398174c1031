package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/rpc"
	"example.com/todo-backend/internal/todo"
)

// The bounds of connections. Those of requests are internal/rpc's.
const (
	maxHeaderBytes    = 16 << 10
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 90 * time.Second
	maxStreams        = 100              // On one HTTP/2 connection.
	pingAfter         = 30 * time.Second // Of silence on an HTTP/2 connection.
	pingTimeout       = 15 * time.Second
	drainTimeout      = 15 * time.Second
)

// serve wires the service, serves until ctx ends, and drains.
func serve(ctx context.Context, cfg serveConfig, logger *slog.Logger) error {
	store, err := postgres.Open(postgres.Config{
		URL:              string(cfg.DatabaseURL),
		MaxConns:         int(cfg.DatabaseMaxConns),
		MaxTodos:         int(cfg.MaxTodosPerUser),
		SharedStatements: int(cfg.DatabaseSharedStatements),
		Logger:           logger,
	})
	if err != nil {
		return err
	}
	defer store.Close()

	keys := auth.NewKeySet(auth.KeySetConfig{
		URL:      string(cfg.BetterAuthURL) + "/api/auth/jwks",
		TTL:      time.Duration(cfg.JWKSCacheTTL),
		MaxStale: time.Duration(cfg.JWKSMaxStale),
		Logger:   logger,
	})
	defer keys.Close()

	origins := make([]string, len(cfg.CORSOrigins))
	for i, origin := range cfg.CORSOrigins {
		origins[i] = string(origin)
	}
	handler, err := rpc.New(rpc.Config{
		Todos: todo.NewService(store),
		Verifier: auth.NewVerifier(auth.Config{
			Issuer:   cmp.Or(cfg.JWTIssuer, string(cfg.BetterAuthURL)),
			Audience: cmp.Or(cfg.JWTAudience, string(cfg.BetterAuthURL)),
			Keys:     keys,
		}),
		Ping:       store.Ready,
		Logger:     logger,
		Origins:    origins,
		Headers:    cfg.CORSHeaders,
		RateLimit:  int(cfg.RateLimitRPS),
		Reflection: bool(cfg.Reflection),
		OpenAPI:    todobackend.OpenAPI,
	})
	if err != nil {
		return err
	}

	// Bound before anything is said to be served: a taken port fails here.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", string(cfg.ListenAddr))
	if err != nil {
		return err
	}
	server := newServer(handler, logger)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	logger.InfoContext(ctx, "serving", "addr", listener.Addr().String(), "version", version)

	select {
	case err := <-served:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	return drain(server, handler, time.Duration(cfg.ShutdownDelay), logger)
}

// newServer returns a server of HTTP/1.1 and, on the same port and without
// TLS, HTTP/2.
func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           handler,
		ConnContext:       rpc.ConnContext,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// `OPTIONS *` is answered like any other path that isn't served.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      pingAfter,
			PingTimeout:          pingTimeout,
		},
	}
}

// drain ends the service without failing a request: load balancers see it
// become unready and have delay to take note, then the listener closes and
// what is in flight finishes.
func drain(server *http.Server, handler *rpc.Handler, delay time.Duration, logger *slog.Logger) error {
	logger.Info("draining", "delay_s", delay.Seconds())
	handler.StartDraining()
	<-time.After(delay)
	handler.EndStreams()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were still in flight after %v: %w", drainTimeout, err), server.Close())
	}
	logger.Info("drained")
	return nil
}
