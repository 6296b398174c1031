package main

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/admin"
	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/rpc"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/telemetry"
	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

// spansTimeout bounds the wait for a collector when the process ends. Together with the
// drain and the log's end it is within the 20 seconds that docs/operations.md asks
// orchestrators for.
const spansTimeout = 2 * time.Second

// serve wires the service, serves until ctx ends, and drains. linesLost returns how many
// lines the log has dropped.
func serve(ctx context.Context, cfg serveConfig, logger *slog.Logger, linesLost func() int64) error {
	measured, err := telemetry.New(ctx, telemetry.Config{
		Version:   version,
		Metrics:   cfg.AdminAddr != "",
		TracesURL: cfg.OTLPEndpoint.tracesURL(),
		Logger:    logger,
	})
	if err != nil {
		return err
	}
	if cfg.AdminAddr != "" {
		operators, err := admin.Listen(ctx, string(cfg.AdminAddr), measured.Handler(), logger)
		if err != nil {
			closeTelemetry(measured)
			return err
		}
		defer operators.Close() // Last, so that a scrape can see the end of the drain.
		logger.InfoContext(ctx, "serving metrics and profiles", "addr", operators.Addr().String())
	}
	defer closeTelemetry(measured) // After the last statement.

	db, err := database.Open(database.Config{
		URL:      string(cfg.DatabaseURL),
		MaxConns: int(cfg.DatabaseMaxConns),
		Batches:  int(cfg.DatabaseBatches),
		Logger:   logger,
		Observer: measured.Statements(),
	})
	if err != nil {
		return err
	}
	defer db.Close()
	store := postgres.NewStore(db, postgres.Config{
		MaxTodos:       int(cfg.MaxTodosPerUser),
		TrashRetention: time.Duration(cfg.TrashRetention),
		Logger:         logger,
	})
	defer startSweep(ctx, store, logger)()
	watches := watch.NewHub(watch.Config{
		Heads:      store.Heads,
		MaxPerUser: int(cfg.WatchesPerUser),
		Max:        int(cfg.Watches),
		Logger:     logger,
	})
	defer watches.Close()

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
		Todos:   todo.NewService(store, watches),
		Watches: watches,
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
			Observer:       measured.Requests(),
			Interceptors:   measured.Interceptors(),
		},
		OpenAPI: todobackend.OpenAPI,
	})
	if err != nil {
		return err
	}
	defer service.Close() // Before the store, since it pings the store.
	err = measured.Read(telemetry.Sources{Server: service, Database: db, Keys: keys, Watches: watches, LogLinesDropped: linesLost})
	if err != nil {
		return err
	}

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

// closeTelemetry sends the spans that are left.
func closeTelemetry(measured *telemetry.Telemetry) {
	ctx, cancel := context.WithTimeout(context.Background(), spansTimeout)
	defer cancel()
	measured.Close(ctx)
}
