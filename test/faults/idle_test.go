//go:build linux

package faults

import (
	"net"
	"net/http"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
)

// TestIdleConnectionsAtTheBound opens idle connections up to the limit, while others call
// on new ones.
func TestIdleConnectionsAtTheBound(t *testing.T) {
	const most, callers = 1000, 300
	r := newRow(t, "idle connections at the bound")
	s := startTodod(t, startIssuer(t), pgtest.NewDatabase(t), map[string]string{"MAX_CONNECTIONS": "1000"})
	for range most {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		askLive(t, conn)
		_ = conn.SetReadDeadline(time.Now().Add(patience)) // It works on any connection.
		if _, err := conn.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
	mark, began := s.mark(), time.Now()
	served := 0
	for range callers {
		client := newClient(t, false)
		if a := s.list(t, client, "newcomer"); a.status == http.StatusOK {
			served++
		}
	}
	took := time.Since(began)
	r.Did("%d callers on connections of their own, while all of %d were idle", callers, most)
	report.Same(r, "served", served, callers)
	lines := 0
	for _, line := range s.since(t, mark) {
		if line.Message == "connections are short" {
			lines++
		}
	}
	report.AtLeast(r, "lines about it", lines, 1)
	report.AtMost(r, "lines about it", lines, 2+int(took/(5*time.Second)))
}
