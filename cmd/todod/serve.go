package main

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/rpc"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
)

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
	service, err := rpc.New(rpc.Config{
		Todos: todo.NewService(store),
		Authenticator: auth.NewVerifier(auth.Config{
			Issuer:   cmp.Or(cfg.JWTIssuer, string(cfg.BetterAuthURL)),
			Audience: cmp.Or(cfg.JWTAudience, string(cfg.BetterAuthURL)),
			Keys:     keys,
		}),
		Server: server.Config{
			Ping:           store.Ready,
			Logger:         logger,
			Origins:        origins,
			Headers:        cfg.CORSHeaders,
			RateLimit:      int(cfg.RateLimitRPS),
			Reflection:     bool(cfg.Reflection),
			MaxConnections: int(cfg.MaxConnections),
			KeepAlive:      time.Duration(cfg.KeepAliveTimeout),
		},
		OpenAPI: todobackend.OpenAPI,
	})
	if err != nil {
		return err
	}
	defer service.Close() // Before the store, since it pings the store.

	// Bound before "serving" is logged, so that a port in use fails first.
	listener, err := server.Listen(ctx, string(cfg.ListenAddr))
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- service.Serve(listener) }()
	logger.InfoContext(ctx, "serving", "addr", listener.Addr().String(), "version", version)

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	return service.Drain(time.Duration(cfg.ShutdownDelay))
}
