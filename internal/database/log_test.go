package database

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// blockedLog is a handler whose one line blocks until it is released.
type blockedLog struct {
	slog.Handler
	begun, release chan struct{}
}

func (*blockedLog) Enabled(context.Context, slog.Level) bool { return true }

func (h *blockedLog) Handle(context.Context, slog.Record) error {
	close(h.begun)
	<-h.release
	return nil
}

// TestALogThatBlocksHoldsNobodyUp has one goroutine write a line, which blocks, and
// another one go on.
func TestALogThatBlocksHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	// full returns the admission to one connection that refuses the next statement.
	full := func(logger *slog.Logger) *admission {
		a := newAdmission(1, acquireTimeout, logger)
		a.all.calls, a.hold = 3, time.Hour
		return a
	}
	refused := func(t *testing.T, err error) {
		t.Helper()
		if !errors.Is(err, errOverloaded) {
			t.Errorf("%v, want errOverloaded", err)
		}
	}
	for name, test := range map[string]func(t *testing.T, logger *slog.Logger) (logs, goesOn func()){
		"statements are refused": func(t *testing.T, logger *slog.Logger) (logs, goesOn func()) {
			t.Helper()
			a := full(logger)
			return func() { _, _ = a.enter(t.Context(), "") }, func() {
				refuses(t, a)
				a.serving()
				a.answered()
				a.uncount(a.all, time.Second)
			}
		},
		"statements are no longer refused": func(t *testing.T, logger *slog.Logger) (logs, goesOn func()) {
			t.Helper()
			a := newAdmission(2, acquireTimeout, logger)
			a.shedding, a.refused = true, 1
			return func() { _, _ = a.enter(t.Context(), "") }, func() {
				counts(t, a, 1)
				a.uncount(a.all, time.Second)
			}
		},
		"writes of an owner are refused": func(t *testing.T, logger *slog.Logger) (logs, goesOn func()) {
			t.Helper()
			a := full(logger)
			a.all.calls = 0
			a.owners["u"] = newBulkhead("u", 1)
			a.owners["u"].calls = 3
			return func() { _, _ = a.enter(t.Context(), "u") }, func() {
				_, err := a.enter(t.Context(), "u")
				refused(t, err)
			}
		},
		"calls that wait for a batch are refused": func(t *testing.T, logger *slog.Logger) (logs, goesOn func()) {
			t.Helper()
			db := &DB{admission: full(logger)}
			db.reads = newLane(db, 1, UsualBounds())
			db.reads.taken, db.reads.waiting = 1, make([]*call, maxWaiting)
			call := func() error { return db.Run(t.Context(), Statement{}) }
			return func() { _ = call() }, func() { refused(t, call()) }
		},
		"the database goes away": func(t *testing.T, logger *slog.Logger) (logs, goesOn func()) {
			t.Helper()
			b := newBackoff(logger)
			b.attempts = 2
			failed := pgx.TraceConnectEndData{Err: errors.New("refused")}
			return func() { b.TraceConnectEnd(t.Context(), failed) }, func() {
				b.TraceConnectEnd(t.Context(), failed)
				if !b.isDown() {
					t.Error("not down")
				}
			}
		},
		"the database comes back": func(t *testing.T, logger *slog.Logger) (logs, goesOn func()) {
			t.Helper()
			b := newBackoff(logger)
			b.attempts, b.failures, b.logged = 1, 1, true
			return func() { b.TraceConnectEnd(t.Context(), pgx.TraceConnectEndData{}) }, func() {
				if err := b.allow(t.Context(), nil); err != nil {
					t.Errorf("allow: %v", err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &blockedLog{Handler: slog.DiscardHandler, begun: make(chan struct{}), release: make(chan struct{})}
			logs, goesOn := test(t, slog.New(log))
			go logs()
			<-log.begun
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				goesOn()
			}()
			select {
			case <-ended:
			case <-time.After(time.Minute):
				t.Error("another one is held up")
			}
			close(log.release)
			<-ended
		})
	}
}
