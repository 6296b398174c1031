//go:build linux

package faults

import (
	"net"
	"net/http"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// TestIdleConnectionsAtTheBound opens idle connections up to the limit, while others call
// on new ones.
func TestIdleConnectionsAtTheBound(t *testing.T) {
	const most, callers = 1000, 300
	r := newRow(t, "idle connections at the bound")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), map[string]string{"MAX_CONNECTIONS": "1000"})
	for range most {
		conn, err := net.Dial("tcp", s.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		askLive(t, conn)
		_ = conn.SetReadDeadline(time.Now().Add(stack.Patience)) // It works on any connection.
		if _, err := conn.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
	mark, began := s.Mark(), time.Now()
	served := 0
	for range callers {
		client := stack.NewClient(t, false)
		if a := s.List(t, client, "newcomer"); a.Status == http.StatusOK {
			served++
		}
	}
	took := time.Since(began)
	r.Did("%d callers on connections of their own, while all of %d were idle", callers, most)
	report.Same(r, "served", served, callers)
	lines := 0
	for _, line := range s.Since(t, mark) {
		if line.Message == "connections are short" {
			lines++
		}
	}
	report.AtLeast(r, "lines about it", lines, 1)
	report.AtMost(r, "lines about it", lines, 2+int(took/(5*time.Second)))
}
