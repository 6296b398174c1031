package server

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"
)

const (
	// pingTimeout bounds a ping of the database.
	pingTimeout = 2 * time.Second
	// pingTTL is how long the result of a ping is reused.
	pingTTL = time.Second
)

// databaseCheck is a ping of the database. All requests that come while it is in
// flight, or within pingTTL, share its result.
type databaseCheck struct {
	done    chan struct{}
	err     error     // Valid once done is closed.
	expires time.Time // Valid once done is closed.
}

func (c *databaseCheck) run(ctx context.Context, ping func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	c.err = ping(ctx)
	c.expires = time.Now().Add(pingTTL)
	close(c.done)
}

func (c *databaseCheck) expired() bool {
	select {
	case <-c.done:
		return time.Now().After(c.expires)
	default:
		return false
	}
}

// withoutPanics returns a ping that logs a panic and fails. It runs in a goroutine
// of its own, outside of a request's middleware.
func withoutPanics(ping func(context.Context) error, logger *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = &panicError{value: value, stack: debug.Stack()}
				logger.ErrorContext(ctx, "the check of the database failed", "cause", err)
			}
		}()
		return ping(ctx)
	}
}
