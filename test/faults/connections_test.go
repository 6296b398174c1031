//go:build linux

package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
)

// TestActiveConnectionsAtTheBound opens connections to a service at its limit. They
// replace idle connections, and never one with a call in flight.
func TestActiveConnectionsAtTheBound(t *testing.T) {
	const most, active, newcomers, toDatabase = 100, 20, 300, 64
	r := newRow(t, "active connections at the bound")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, startIssuer(t), database, map[string]string{"MAX_CONNECTIONS": fmt.Sprint(most), "DATABASE_MAX_CONNS": fmt.Sprint(toDatabase)})
	client := newClient(t, false)
	s.create(t, client, "u")
	client.CloseIdleConnections()
	files := eventuallyStill(t, s) // With no connection but those to the database.

	watch := dialHTTP2(t, s.address, readAll)
	if err := watch.grpc(watchPath, true, ""); err != nil {
		t.Fatal(err)
	}
	watch.wait(t, "the watch is served", func() bool { return watch.of(1).open() })
	body := `{"title":"` + canaryTitle + `"}`
	sending, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer sending.Close()
	if _, err := fmt.Fprintf(sending, "POST /api/todos HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		s.issuer.bearer("u"), len(body), body[:5]); err != nil {
		t.Fatal(err)
	}
	admin := session(t, database)
	execute(t, admin, "BEGIN; LOCK TABLE todo IN SHARE MODE")
	answered := make(chan answer, active)
	for n := range active {
		go func() {
			answered <- call(t, client, http.MethodPost, s.url+"/api/todos", body,
				"Authorization", s.issuer.bearer(fmt.Sprint("active-", n)), "Content-Type", contentTypeJSON)
		}()
	}
	eventually(t, "the active ones are there", func() bool { return s.files(t)-files >= active })
	pgtest.WaitForLocked(t, database, 1)

	served, open := 0, 0
	for range newcomers {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if a := exchangeOn(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); a.status == http.StatusOK {
			served++
		}
		open = max(open, s.files(t)-files)
	}
	execute(t, admin, "COMMIT")
	var calls answers
	for range active {
		calls = append(calls, <-answered)
	}
	sent := exchangeOn(sending, body[5:])
	r.Did("%d newcomers, one after the other, to a bound of %d connections, of which %d were active", newcomers, most, active+2)
	report.Same(r, "newcomers served", served, newcomers)
	report.AtMost(r, "most at once, with those to the database", open, most+toDatabase)
	r.None("calls under way failed", len(calls.failed()))
	report.Same(r, "the one whose body was on its way", sent.status, http.StatusOK)
	report.Same(r, "the watch goes on", watch.of(1).open() && !watch.ended(), true)
}

// exchangeOn sends something on a connection that stays open, and reads an
// answer.
func exchangeOn(conn net.Conn, request string) exchanged {
	_ = conn.SetDeadline(time.Now().Add(patience)) // It works on any connection.
	if _, err := io.WriteString(conn, request); err != nil {
		return exchanged{answer: answer{err: err}}
	}
	return readAnswer(conn)
}
