package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/rpc"
	"example.com/todo-backend/internal/todo"
)

// drainTimeout bounds the wait for requests in flight, which take ten seconds at
// most.
const drainTimeout = 15 * time.Second

// serve wires the service, serves until ctx ends, and drains.
func serve(ctx context.Context, cfg serveConfig, logger *slog.Logger) error {
	db, err := database.Open(database.Config{
		URL:      string(cfg.DatabaseURL),
		MaxConns: int(cfg.DatabaseMaxConns),
		Batches:  int(cfg.DatabaseBatches),
		Logger:   logger,
	})
	if err != nil {
		return err
	}
	defer db.Close()
	store := postgres.NewStore(db, postgres.Config{MaxTodos: int(cfg.MaxTodosPerUser), Logger: logger})

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
	defer handler.Close() // Before the store, which it looks at.

	// Bound before anything is said to be served: a taken port fails here.
	listener, err := listen(ctx, string(cfg.ListenAddr))
	if err != nil {
		return err
	}
	limit := newConnectionLimit(int(cfg.MaxConnections), logger)
	server := newServer(handler, limit, time.Duration(cfg.KeepAliveTimeout), logger)
	served := make(chan error, 1)
	go func() { served <- server.Serve(limit.listener(listener)) }()
	logger.InfoContext(ctx, "serving", "addr", listener.Addr().String(), "version", version)

	select {
	case err := <-served:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	return drain(server, handler, time.Duration(cfg.ShutdownDelay), logger)
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
