package database_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// proxy returns a URL that leads to the database at databaseURL through serve, which
// is called with each client and the database's address, and ends when the client
// has hung up.
func proxy(t *testing.T, databaseURL string, serve func(client net.Conn, database string)) (proxied string) {
	t.Helper()
	target, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	database := target.Host
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer func() { _ = client.Close() }()
				serve(client, database)
			})
		}
	})
	// Registered before the store's own, and so run after it has hung up.
	t.Cleanup(func() {
		_ = listener.Close()
		group.Wait()
	})
	target.Host = listener.Addr().String()
	return target.String()
}

// relay passes on what a client says to a database, and has answer pass on what
// comes back, until either hangs up or answer returns.
func relay(client net.Conn, database string, answer func(client, server net.Conn)) {
	server, err := net.Dial("tcp4", database)
	if err != nil {
		return
	}
	hangUp := func() { _, _ = client.Close(), server.Close() }
	var group sync.WaitGroup
	group.Go(func() {
		defer hangUp()
		_, _ = io.Copy(server, client) // Ends when either hangs up.
	})
	answer(client, server)
	hangUp()
	group.Wait()
}

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
	return proxy(t, databaseURL, func(client net.Conn, database string) { relay(client, database, answer) }), cut.Load
}

func TestACreateWhoseAnswerIsLostIsRepeatedAndMakesOneTodo(t *testing.T) {
	t.Parallel()
	direct := pgtest.NewDatabase(t)
	proxied, happened := cutAnswer(t, direct, "the marked title")
	created, err := open(t, proxied, 2).CreateTodo(t.Context(), user(t, "u"), draft("the marked title"))
	if err != nil || created.Title != "the marked title" {
		t.Errorf("CreateTodo: %+v, %v", created, err)
	}
	if !happened() {
		t.Error("no answer was lost")
	}
	if got := rows(t, direct); got != 1 {
		t.Errorf("%d todos, want 1", got)
	}
}

func TestAChangeWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	t.Parallel()
	direct := pgtest.NewDatabase(t)
	proxied, happened := cutAnswer(t, direct, "the marked title")
	store := open(t, proxied, 2)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	_, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Title: new("the marked title")})
	if !errors.Is(err, todo.ErrUnavailable) || !happened() {
		t.Errorf("UpdateTodo: %v, want ErrUnavailable", err)
	}
}
