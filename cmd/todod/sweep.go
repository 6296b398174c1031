package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// sweepInterval is how often a process removes old trash, on average. A todo may stay in
// the trash so much longer than TRASH_RETENTION.
const sweepInterval = 15 * time.Minute

// sweeper is what removes old trash, and requests that can't be repeated any more.
type sweeper interface {
	Sweep(ctx context.Context) (removed int, err error)
	SweepRequests(ctx context.Context) (removed int, err error)
}

// startSweep has old trash removed now and then. stop ends that, and waits for the end.
func startSweep(ctx context.Context, store sweeper, logger *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		sweep(ctx, store, logger)
	}()
	return func() {
		cancel()
		<-done
	}
}

// sweep removes old trash now and then, until the context ends. Processes that start
// together don't sweep together.
func sweep(ctx context.Context, store sweeper, logger *slog.Logger) {
	for {
		pause := time.NewTimer(sweepInterval/2 + rand.N(sweepInterval)) //nolint:gosec // Not a secret.
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		switch removed, err := store.Sweep(ctx); {
		case ctx.Err() != nil:
			return
		case err != nil:
			logger.WarnContext(ctx, "the sweep of the trash failed, and is tried again later", "error", err)
		case removed > 0:
			logger.InfoContext(ctx, "removed old trash", "todos", removed)
		}
		if _, err := store.SweepRequests(ctx); err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "the sweep of applied requests failed, and is tried again later", "error", err)
		}
	}
}
