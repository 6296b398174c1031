package database_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

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

const markedTitle = "the marked title"

// eachCut runs a test of a store whose first answer with the marked title is lost, in
// each mode of the driver. Direct leads to its database without that.
func eachCut(t *testing.T, test func(t *testing.T, store *postgres.Store, direct string)) {
	t.Helper()
	for _, mode := range pgtest.QueryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			direct := pgtest.NewDatabase(t)
			proxied, happened := cutAnswer(t, direct, markedTitle)
			db := databasetest.Open(t, pgtest.WithParameter(proxied, "default_query_exec_mode", mode), 2)
			test(t, postgres.NewStore(db, postgres.Config{TrashRetention: 24 * time.Hour, Logger: slog.New(slog.DiscardHandler)}), direct)
			if !happened() {
				t.Error("no answer was lost")
			}
		})
	}
}

func TestACreateWhoseAnswerIsLostIsRepeatedAndMakesOneTodo(t *testing.T) {
	t.Parallel()
	eachCut(t, func(t *testing.T, store *postgres.Store, direct string) {
		t.Helper()
		created, err := store.CreateTodo(t.Context(), user(t, 1), todo.Draft{ID: todoID(1, 1), Title: markedTitle})
		if err != nil || created.Title != markedTitle {
			t.Errorf("CreateTodo: %+v, %v", created, err)
		}
		if got := pgtest.QueryText(t, pgtest.Connect(t, direct), "SELECT count(*)::text FROM todo"); got != "1" {
			t.Errorf("%s todos, want 1", got)
		}
	})
}

func TestAChangeWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	t.Parallel()
	updatedAt := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for name, call := range map[string]func(ctx context.Context, store *postgres.Store, u todo.UserID) error{
		"UpdateTodo": func(ctx context.Context, store *postgres.Store, u todo.UserID) error {
			_, err := store.UpdateTodo(ctx, u, *todoID(1, 1), todo.Change{IsCompleted: new(true)})
			return err
		},
		"DeleteTodo": func(ctx context.Context, store *postgres.Store, u todo.UserID) error {
			return store.DeleteTodo(ctx, u, *todoID(1, 1), todo.Deletion{})
		},
		// A repetition would meet what the first attempt made, and report a conflict.
		"UpdateTodo of a version": func(ctx context.Context, store *postgres.Store, u todo.UserID) error {
			_, err := store.UpdateTodo(ctx, u, *todoID(1, 1), todo.Change{IsCompleted: new(true), If: todo.VersionAt(updatedAt)})
			return err
		},
		"DeleteTodo of a version": func(ctx context.Context, store *postgres.Store, u todo.UserID) error {
			return store.DeleteTodo(ctx, u, *todoID(1, 1), todo.Deletion{If: todo.VersionAt(updatedAt)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachCut(t, func(t *testing.T, store *postgres.Store, direct string) {
				t.Helper()
				pgtest.Exec(t, direct, "INSERT INTO todo (id, user_id, title, updated_at) VALUES ('"+
					todoID(1, 1).String()+"', 'u1', '"+markedTitle+"', '"+updatedAt.Format(time.RFC3339)+"')")
				if err := call(t.Context(), store, user(t, 1)); !errors.Is(err, todo.ErrUnavailable) {
					t.Errorf("%v, want ErrUnavailable", err)
				}
			})
		})
	}
}

// TestARequestWhoseAnswerIsLostIsAppliedOnce loses the answer to the commit, and one
// before it.
func TestARequestWhoseAnswerIsLostIsAppliedOnce(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]string{"of the commit": "COMMIT", "before the commit": markedTitle} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := pgtest.NewDatabase(t)
			pgtest.Exec(t, direct, "INSERT INTO todo (id, user_id, title) VALUES ('"+todoID(1, 1).String()+"', 'u1', 'there')")
			proxied, happened := cutAnswer(t, direct, lost)
			store := postgres.NewStore(databasetest.Open(t, proxied, 2), postgres.Config{TrashRetention: time.Hour, Logger: slog.New(slog.DiscardHandler)})
			results, err := store.ApplyTodos(t.Context(), user(t, 1), todo.ApplyRequest{Operations: []todo.Operation{
				todo.DeleteOperation{ID: *todoID(1, 1)},
				todo.DeleteOperation{ID: *todoID(1, 1)},
				todo.CreateOperation{Draft: todo.Draft{ID: todoID(1, 2), Title: markedTitle}},
			}})
			switch {
			case err != nil:
				t.Fatal(err)
			case results[0].Err != nil, !errors.Is(results[1].Err, todo.ErrNotFound), results[2].Err != nil:
				t.Errorf("the results are %+v", results)
			}
			if !happened() {
				t.Error("no answer was lost")
			}
			const told = "SELECT concat(count(*), ' todos, ', count(deleted_at), ' deleted, ', count(DISTINCT revision), ' revisions') FROM todo"
			if got, want := pgtest.QueryText(t, pgtest.Connect(t, direct), told), "2 todos, 1 deleted, 2 revisions"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}
