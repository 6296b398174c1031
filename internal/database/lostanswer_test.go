package database_test

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"example.com/todo-backend/internal/database"
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

func TestAnIdempotentWriteWhoseAnswerIsLostIsRepeated(t *testing.T) {
	t.Parallel()
	direct := newCounters(t, 2)
	proxied, happened := cutAnswer(t, direct.url, "the marked note")
	c := openCounters(t, proxied, 2)
	s := "INSERT INTO counter (id, owner, note) VALUES (1, 'u', 'the marked note') ON CONFLICT (id) DO UPDATE SET n = counter.n + 1 RETURNING note"
	if err := c.Run(t.Context(), database.Statement{Name: "put", SQL: s, Owner: "u", Idempotent: true, Read: nothing}); err != nil {
		t.Error(err)
	}
	if !happened() {
		t.Error("no answer was lost")
	}
	direct.wantStored(t, "SELECT string_agg(n::text, ' ') FROM counter", "1")
}

func TestAnotherWriteWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	t.Parallel()
	direct := newCounters(t, 2)
	proxied, happened := cutAnswer(t, direct.url, "the marked note")
	c := openCounters(t, proxied, 2)
	c.mustPut(t, "u", 1)
	if err := c.write(t.Context(), "u", "UPDATE counter SET n = n + 1 RETURNING 'the marked note'"); !errors.Is(err, database.ErrUnavailable) || !happened() {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	direct.wantStored(t, "SELECT n::text FROM counter", "1")
}
