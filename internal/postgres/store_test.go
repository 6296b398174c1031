package postgres_test

import (
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

// open returns a store on a database, with so many connections.
func open(t testing.TB, url string, conns int) *postgres.Store {
	t.Helper()
	return openBound(t, url, conns, 0)
}

// openBound is open for a store that keeps a number of todos for each owner.
func openBound(t testing.TB, url string, conns, maxTodos int) *postgres.Store {
	t.Helper()
	return storeOn(databasetest.Open(t, url, conns), maxTodos)
}

// openLogged is open for a store with a log.
func openLogged(t testing.TB, url string, conns int) (*postgres.Store, *pgtest.Log) {
	t.Helper()
	log := new(pgtest.Log)
	db := databasetest.Open(t, url, conns, func(c *database.Config) { c.Logger = log.Logger() })
	return postgres.NewStore(db, postgres.Config{TrashRetention: 24 * time.Hour, Logger: log.Logger()}), log
}

// storeOn returns a store whose log goes nowhere.
func storeOn(db *database.DB, maxTodos int) *postgres.Store {
	return postgres.NewStore(db, postgres.Config{TrashRetention: 24 * time.Hour, MaxTodos: maxTodos, Logger: slog.New(slog.DiscardHandler)})
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
