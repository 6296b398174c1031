package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// open returns a store on a database, and closes it when the test has ended.
func open(t *testing.T, url string, maxConns int) *postgres.Store {
	t.Helper()
	return openBound(t, url, maxConns, 0)
}

// newStore returns a store on a database of the test's own, and its URL.
func newStore(t *testing.T) (*postgres.Store, string) {
	t.Helper()
	url := pgtest.NewDatabase(t)
	return open(t, url, 16), url
}

// user returns an owner.
func user(t *testing.T, subject string) todo.UserID {
	t.Helper()
	id, err := todo.ParseUserID(subject)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// draft returns a todo to be, with an id of its own, as the service makes it.
func draft(title string) todo.Draft {
	id := todo.ID(uuid.New())
	return todo.Draft{ID: &id, Title: title}
}

// create stores a todo.
func create(t *testing.T, store todo.Store, owner todo.UserID, title string) todo.Todo {
	t.Helper()
	created, err := store.CreateTodo(t.Context(), owner, draft(title))
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// neverMade returns an id that no todo has.
func neverMade() todo.ID { return todo.ID{1, 2, 3} }

// waitFor repeats an action until it succeeds.
func waitFor(t *testing.T, what string, action func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		err := action()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// pgtest.Log is a buffer that a logger and a test may use at once.
type pgtest.Log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *pgtest.Log) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *pgtest.Log) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func TestAStoreNeedsAConnection(t *testing.T) {
	t.Parallel()
	if _, err := postgres.Open(postgres.Config{URL: "postgres://u@h/d", MaxConns: 0}); err == nil {
		t.Error("Open with MaxConns 0 succeeds")
	}
}

func TestPasswordsAreNeitherLoggedNorInErrors(t *testing.T) {
	t.Parallel()
	var log pgtest.Log
	store, err := postgres.Open(postgres.Config{
		URL:      "postgres://todo:canary@127.0.0.1:1/todo?sslmode=disable",
		MaxConns: 1,
		Logger:   slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for range 3 {
		err := store.Ready(t.Context())
		if !errors.Is(err, todo.ErrUnavailable) {
			t.Fatalf("Ready: %v, want ErrUnavailable", err)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	if log := log.String(); log == "" || strings.Contains(log, "canary") {
		t.Errorf("log = %s, want lines without the password", log)
	}
}
