//go:build linux

package syncload

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/todo"
)

// Retention is how old the trash is that is swept.
const Retention = 500 * time.Millisecond

// StartSweeping removes old trash of a database all the time, until end is called, which
// returns how many todos were. Processes sweep but every quarter of an hour.
func (s *Run) StartSweeping(url string) (end func() int) {
	s.t.Helper()
	logger := slog.New(slog.DiscardHandler)
	db, err := database.Open(database.Config{URL: url, MaxConns: 2, Logger: logger, Bounds: database.UsualBounds()})
	if err != nil {
		s.t.Fatal(err)
	}
	store := postgres.NewStore(db, postgres.Config{TrashRetention: Retention, Logger: logger})
	ctx, enough := context.WithCancel(context.WithoutCancel(s.t.Context()))
	var swept atomic.Int64
	var sweeping sync.WaitGroup
	sweeping.Go(func() {
		for ctx.Err() == nil && !s.Failed() {
			n, err := store.Sweep(ctx)
			swept.Add(int64(n))
			if err != nil && ctx.Err() == nil && !errors.Is(err, todo.ErrUnavailable) {
				s.Fault("sweep: %v", err)
			}
			pause(ctx, retryPause)
		}
	})
	end = func() int {
		enough()
		sweeping.Wait()
		return int(swept.Load())
	}
	s.t.Cleanup(func() {
		end()
		db.Close()
	})
	return end
}
