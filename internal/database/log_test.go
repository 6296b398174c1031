package database

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/todo"
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
	owner := owner(t, 0)
	// full returns a queue of one connection that refuses the next call.
	full := func(logger *slog.Logger) *queue {
		return &queue{conns: 1, acquireTimeout: acquireTimeout, logger: logger, calls: 3, hold: time.Hour}
	}
	refused := func(t *testing.T, err error) {
		t.Helper()
		if !errors.Is(err, errOverloaded) {
			t.Errorf("%v, want errOverloaded", err)
		}
	}
	for name, test := range map[string]func(t *testing.T, logger *slog.Logger) (logs, goesOn func()){
		"calls are refused": func(t *testing.T, logger *slog.Logger) (logs, goesOn func()) {
			t.Helper()
			q := full(logger)
			return func() { _ = q.enter(t.Context()) }, func() {
				refused(t, q.enter(t.Context()))
				q.serving()
				q.leave(time.Second, true)
			}
		},
		"calls are no longer refused": func(t *testing.T, logger *slog.Logger) (logs, goesOn func()) {
			t.Helper()
			q := &queue{conns: 2, acquireTimeout: acquireTimeout, logger: logger, shedding: true, refused: 1}
			return func() { _ = q.enter(t.Context()) }, func() {
				enter(t, q, 1)
				q.leave(time.Second, true)
			}
		},
		"writes of an owner are refused": func(t *testing.T, logger *slog.Logger) (logs, goesOn func()) {
			t.Helper()
			turns := newTurns(2, full(logger))
			turns.lines[owner] = &line{calls: 3}
			return func() { _, _ = turns.take(t.Context(), owner) }, func() {
				_, err := turns.take(t.Context(), owner)
				refused(t, err)
				turns.full(owner)
			}
		},
		"calls that share are refused": func(t *testing.T, logger *slog.Logger) (logs, goesOn func()) {
			t.Helper()
			s := newSharer(1, "test", usualBounds(), func(context.Context, func() []*sharedCall[numbered]) error { return nil }, full(logger).shed)
			s.running, s.young, s.waiting = 1, 1, make([]*sharedCall[numbered], maxWaiting)
			call := func() error {
				_, err := s.do(t.Context(), numbered{}, func(time.Duration) ([]todo.Todo, error) { return nil, nil })
				return err
			}
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
