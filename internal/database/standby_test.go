package database_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// TestACreateThatAStandbyMayLackIsNotAcknowledged has the commit of a create wait for a
// synchronous standby that is away, until its batch is late. The row is there then, for
// the create that runs again and for those that callers repeat.
func TestACreateThatAStandbyMayLackIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	admin := pgtest.Connect(t, server.URL())
	db := databasetest.Open(t, server.URL(), 8, bounds(func(b *database.Bounds) { b.Batch, b.Statement = 200*time.Millisecond, time.Second }))
	store := postgres.NewStore(db, postgres.Config{TrashRetention: 24 * time.Hour, Logger: slog.New(slog.DiscardHandler)})
	id := todo.ID(uuid.New())
	create := func(draft todo.Draft) error {
		_, err := store.CreateTodo(t.Context(), user(t, 1), draft)
		return err
	}
	pgtest.ExecOn(t, admin, "ALTER SYSTEM SET synchronous_standby_names = 'away'")
	pgtest.ExecOn(t, admin, "SELECT pg_reload_conf()")
	pgtest.WaitFor(t, "a commit to wait", func() error { // The setting comes to the server's processes in time.
		other := todo.ID(uuid.New())
		if err := create(todo.Draft{ID: &other, Title: "other"}); err == nil {
			return errors.New("not yet")
		}
		return nil
	})
	for range 3 {
		err := create(todo.Draft{ID: &id, Title: "t"})
		if !errors.Is(err, todo.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a create without its standby: %v, want ErrUnavailable", err)
		}
	}
	pgtest.ExecOn(t, admin, "ALTER SYSTEM RESET synchronous_standby_names")
	pgtest.ExecOn(t, admin, "SELECT pg_reload_conf()")
	pgtest.WaitFor(t, "the create", func() error { return create(todo.Draft{ID: &id, Title: "t"}) })
}
