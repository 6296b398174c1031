package rpc

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

// newTestHub returns a hub of a process without others.
func newTestHub(tb testing.TB) *watch.Hub {
	tb.Helper()
	hub := watch.NewHub(watch.Config{
		Heads: func(context.Context, []todo.UserID) (map[todo.UserID]todo.Head, error) {
			return nil, todo.ErrUnavailable
		},
		MaxPerUser: 10, Max: 10_000,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), //nolint:sloglint // DiscardHandler would make no lines.
	})
	tb.Cleanup(hub.Close)
	return hub
}
