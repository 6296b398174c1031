//go:build linux

package faults

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// dialBound is how often in a second the service may dial a database that is
// down, in a mode of TLS that leaves it no choice: with sslmode=prefer the
// driver dials twice for each attempt, and the bound is twice as high.
const dialBound = 10

func TestDatabaseDown(t *testing.T) {
	for _, way := range []string{"that hangs up", "that is silent"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			testDatabaseDown(t, way)
		})
	}
}

func testDatabaseDown(t *testing.T, way string) {
	const rate = 100
	downFor := size(10*time.Second, time.Minute)
	r := newRow(t, "database down: a host "+way)
	server := pgtest.NewDatabase(t)
	relay := newRelay(t, stack.HostOf(server))
	s := startTodod(t, stack.StartIssuer(t), stack.ThroughHost(server, relay.address), nil)
	l := load.Start(t, s.URL, s.Issuer, rate)
	l.During(time.Second)

	mark := s.Mark()
	relay.shut(way == "that is silent")
	from := time.Now()
	time.Sleep(downFor) // Callers meet it down.
	dials := relay.open()
	opened := time.Now()
	recovered := l.Recovered(t, opened)
	during := l.SoFar().Between(from, opened)
	lines, _ := busiest(s.Since(t, mark), 5*time.Second)

	r.Did("the database was a host %s for %v at %d calls/s", way, downFor, rate)
	r.Note("answers", during)
	r.None("answers other than 200 and 503", len(during.Without(http.StatusOK, http.StatusServiceUnavailable)))
	report.AtMost(r, "most dials in a second", mostIn(dials, time.Second), dialBound)
	r.Note("dials in all", len(dials))
	report.AtMost(r, "own log lines in 5 s", lines, 2)
	report.AtMost(r, "served again within", recovered, load.RecoveryBound)
	l.Check(r, server)
}

// mostIn returns the most of some times that are within a window.
func mostIn(times []time.Time, window time.Duration) int {
	most := 0
	for i, first := range times {
		n := 0
		for _, other := range times[i:] {
			if other.Sub(first) < window {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// relay is an address that forwards connections to a server. While it is shut, it
// forwards none and counts them.
type relay struct {
	address, server string

	mu     sync.Mutex
	closed bool
	silent bool // While shut, keeps new connections open instead of closing them.
	dials  []time.Time
	conns  map[net.Conn]bool
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	r := &relay{server: server, conns: make(map[net.Conn]bool)}
	t.Cleanup(func() { r.shut(false) })
	r.address = accept(t, r.pass)
	return r
}

// accept serves each connection on a free port until the test ends, and returns the
// port's address.
func accept(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // Ends the loop.
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return listener.Addr().String()
}

// shut stops forwarding, and closes all connections.
func (r *relay) shut(silent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed, r.silent, r.dials = true, silent, nil
	for conn := range r.conns {
		_ = conn.Close() // Breaking it is the purpose.
	}
}

// open closes the connections that were kept open and forwards again. It returns the
// times of connections while the relay was shut.
func (r *relay) open() []time.Time {
	dials := r.dialled()
	r.shut(false)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = false
	return dials
}

func (r *relay) dialled() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dials
}

// enter notes a connection. It reports whether to forward the connection, and whether
// to keep it open.
func (r *relay) enter(conn net.Conn) (through, stays bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		r.dials = append(r.dials, time.Now())
	}
	r.conns[conn] = true
	return !r.closed, !r.closed || r.silent
}

func (r *relay) leave(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
	_ = conn.Close() // Already unused.
}

// pass connects a caller with the server until one of them ends it.
func (r *relay) pass(conn net.Conn) {
	defer r.leave(conn)
	through, stays := r.enter(conn)
	if !stays {
		return
	}
	if !through {
		_, _ = io.Copy(io.Discard, conn) // Ends when the relay is opened, or the caller leaves.
		return
	}
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer server.Close()
		_, _ = io.Copy(server, conn)
	}()
	_, _ = io.Copy(conn, server)
}
