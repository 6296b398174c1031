package database_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// cutAnswer returns a URL that leads to the database at databaseURL through a
// proxy, which hangs up instead of passing on the first answer that holds a
// text: the statement has been committed then, and its caller can't know.
// The function tells whether that has happened.
func cutAnswer(t *testing.T, databaseURL, text string) (proxied string, happened func() bool) {
	t.Helper()
	var cut atomic.Bool
	answer := func(client, server net.Conn) {
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil || bytes.Contains(buffer[:n], []byte(text)) && cut.CompareAndSwap(false, true) {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
	return serve(t, databaseURL, func(client net.Conn, database string) { relay(client, database, answer) }), cut.Load
}

// cutStore returns a store on a new database, whose first answer with the marked title
// is lost, and the URL that leads to it directly.
func cutStore(t *testing.T) (store *postgres.Store, direct string, happened func() bool) {
	t.Helper()
	direct = pgtest.NewDatabase(t)
	proxied, happened := cutAnswer(t, direct, markedTitle)
	return postgres.NewStore(databasetest.Open(t, proxied, 2), postgres.Config{Logger: slog.New(slog.DiscardHandler)}), direct, happened
}

const markedTitle = "the marked title"

func TestACreateWhoseAnswerIsLostIsRepeatedAndMakesOneTodo(t *testing.T) {
	t.Parallel()
	store, direct, happened := cutStore(t)
	created, err := store.CreateTodo(t.Context(), user(t, 1), todo.Draft{ID: todoID(1, 1), Title: markedTitle})
	if err != nil || created.Title != markedTitle {
		t.Errorf("CreateTodo: %+v, %v", created, err)
	}
	if !happened() {
		t.Error("no answer was lost")
	}
	if got := pgtest.QueryText(t, pgtest.Connect(t, direct), "SELECT count(*)::text FROM todo"); got != "1" {
		t.Errorf("%s todos, want 1", got)
	}
}

func TestAChangeWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	t.Parallel()
	change := todo.Change{Title: new(markedTitle)}
	for name, try := range map[string]struct {
		title string // Of the todo that is there.
		run   func(ctx context.Context, store *postgres.Store, u todo.UserID) error
	}{
		"UpdateTodo": {"t", func(ctx context.Context, store *postgres.Store, u todo.UserID) error {
			_, err := store.UpdateTodo(ctx, u, *todoID(1, 1), change)
			return err
		}},
		"DeleteTodo": {markedTitle, func(ctx context.Context, store *postgres.Store, u todo.UserID) error {
			return store.DeleteTodo(ctx, u, *todoID(1, 1))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, direct, happened := cutStore(t)
			pgtest.Exec(t, direct, "INSERT INTO todo (id, user_id, title) VALUES ('"+todoID(1, 1).String()+"', 'u1', '"+try.title+"')")
			if err := try.run(t.Context(), store, user(t, 1)); !errors.Is(err, todo.ErrUnavailable) || !happened() {
				t.Errorf("%v, want ErrUnavailable", err)
			}
		})
	}
}
