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
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// TestActiveConnectionsAtTheBound opens connections to a service at its limit. They
// replace idle connections, and never one with a call in flight.
func TestActiveConnectionsAtTheBound(t *testing.T) {
	const most, active, newcomers, toDatabase = 100, 20, 300, 64
	r := newRow(t, "active connections at the bound")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, map[string]string{"MAX_CONNECTIONS": fmt.Sprint(most), "DATABASE_MAX_CONNS": fmt.Sprint(toDatabase)})
	client := stack.NewClient(t, false)
	s.Create(t, client, "u")
	client.CloseIdleConnections()
	files := eventuallyStill(t, s) // With no connection but those to the database.

	watch := dialHTTP2(t, s.Address, readAll)
	if err := watch.grpc(watchPath, true, ""); err != nil {
		t.Fatal(err)
	}
	watch.wait(t, "the watch is served", func() bool { return watch.of(1).open() })
	body := `{"title":"` + stack.CanaryTitle + `"}`
	sending, err := net.Dial("tcp", s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer sending.Close()
	if _, err := fmt.Fprintf(sending, "POST /api/todos HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		s.Issuer.Bearer("u"), len(body), body[:5]); err != nil {
		t.Fatal(err)
	}
	admin := stack.Session(t, database)
	stack.Execute(t, admin, "BEGIN; LOCK TABLE todo IN SHARE MODE")
	answered := make(chan stack.Answer, active)
	for n := range active {
		go func() {
			answered <- stack.Call(t, client, http.MethodPost, s.URL+"/api/todos", body,
				"Authorization", s.Issuer.Bearer(fmt.Sprint("active-", n)), "Content-Type", stack.ContentTypeJSON)
		}()
	}
	stack.Eventually(t, "the active ones are there", func() bool { return s.OpenFiles(t)-files >= active })
	pgtest.WaitForLocked(t, database, 1)

	served, open := 0, 0
	for range newcomers {
		conn, err := net.Dial("tcp", s.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if a := exchangeOn(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); a.Status == http.StatusOK {
			served++
		}
		open = max(open, s.OpenFiles(t)-files)
	}
	stack.Execute(t, admin, "COMMIT")
	var calls load.Answers
	for range active {
		calls = append(calls, <-answered)
	}
	sent := exchangeOn(sending, body[5:])
	r.Did("%d newcomers, one after the other, to a bound of %d connections, of which %d were active", newcomers, most, active+2)
	report.Same(r, "newcomers served", served, newcomers)
	report.AtMost(r, "most at once, with those to the database", open, most+toDatabase)
	r.None("calls under way failed", len(calls.Failed()))
	report.Same(r, "the one whose body was on its way", sent.Status, http.StatusOK)
	report.Same(r, "the watch goes on", watch.of(1).open() && !watch.ended(), true)
}

// exchangeOn sends something on a connection that stays open, and reads an
// answer.
func exchangeOn(conn net.Conn, request string) exchanged {
	_ = conn.SetDeadline(time.Now().Add(stack.Patience)) // It works on any connection.
	if _, err := io.WriteString(conn, request); err != nil {
		return exchanged{Answer: stack.Answer{Err: err}}
	}
	return readAnswer(conn)
}
