package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// The bounds of a connection's life.
const (
	// Short, so that a serverless database may go to sleep.
	idleTimeout       = 2 * time.Minute
	healthCheckPeriod = 30 * time.Second

	lifetime       = 30 * time.Minute
	lifetimeJitter = 5 * time.Minute
)

// CheckURL says what is wrong with a connection string, in words that complete
// a sentence which begins with its name. The words show no part of it, since
// it may hold a password.
func CheckURL(url string) error {
	_, err := parseURL(url)
	return err
}

// parseURL reads a connection string. The driver's own errors quote it.
func parseURL(url string) (*pgxpool.Config, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, errors.New("must begin with postgres:// or postgresql://")
	}
	config, err := pgxpool.ParseConfig(url)
	if err == nil {
		return config, nil
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("names a file that can't be read: %w", file)
	}
	return nil, errors.New("must be like postgres://user:password@host:5432/database?sslmode=require, " +
		"with percent-encoding for special characters in user and password, and no parameter that PostgreSQL's URLs don't have")
}

// newPool returns a pool that has no connection yet.
func newPool(config Config, bounds bounds) (*pgxpool.Pool, error) {
	if config.MaxConns < 1 || config.MaxConns > math.MaxInt32 {
		return nil, fmt.Errorf("postgres: the number of connections must be at least 1, not %d", config.MaxConns)
	}
	c, err := parseURL(config.URL)
	if err != nil {
		return nil, fmt.Errorf("postgres: the URL of the database %w", err)
	}
	backoff := newBackoff(config.Logger)
	c.BeforeConnect = backoff.allow
	c.ConnConfig.Tracer = backoff
	c.ConnConfig.DialFunc = backoff.dialWith(c.ConnConfig.DialFunc, bounds.Cancel)
	c.ConnConfig.BuildContextWatcherHandler = buildCanceler(bounds)
	c.ConnConfig.ConnectTimeout = bounds.Connect
	lookUp := c.ConnConfig.LookupFunc // Not part of what ConnectTimeout bounds.
	c.ConnConfig.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, bounds.Connect)
		defer cancel()
		return lookUp(ctx, host)
	}
	c.MaxConns = int32(config.MaxConns)
	c.MinConns, c.MinIdleConns = 0, 0
	c.MaxConnIdleTime = idleTimeout
	c.MaxConnLifetime = lifetime
	c.MaxConnLifetimeJitter = lifetimeJitter
	c.HealthCheckPeriod = healthCheckPeriod
	c.PingTimeout = bounds.Ping
	c.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
		return p.IdleDuration > bounds.PingAfter
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("postgres: make the pool: %w", err)
	}
	return pool, nil
}
