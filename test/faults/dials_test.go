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
	door := newDoor(t, hostOf(server))
	s := startTodod(t, startIssuer(t), throughHost(server, door.address), nil)
	l := startLoad(t, s.url, s.issuer, rate)
	l.during(time.Second)

	mark := s.mark()
	door.shut(way == "that is silent")
	from := time.Now()
	time.Sleep(downFor) // Callers meet it down.
	dials := door.open()
	opened := time.Now()
	recovered := l.recovered(t, opened)
	during := l.soFar().between(from, opened)
	lines, _ := busiest(s.since(t, mark), 5*time.Second)

	r.did("the database was a host %s for %v at %d calls/s", way, downFor, rate)
	r.note("answers", during)
	r.none("answers other than 200 and 503", len(during.without(http.StatusOK, http.StatusServiceUnavailable)))
	atMost(r, "most dials in a second", mostIn(dials, time.Second), dialBound)
	r.note("dials in all", len(dials))
	atMost(r, "own log lines in 5 s", lines, 2)
	atMost(r, "served again within", recovered, recoveryBound)
	l.check(r, server)
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

// door is an address that leads to a server, or nowhere while it is shut. It
// counts who comes.
type door struct {
	address, server string

	mu     sync.Mutex
	closed bool
	silent bool // While it is shut, nobody is turned away.
	dials  []time.Time
	conns  map[net.Conn]bool
}

func newDoor(t *testing.T, server string) *door {
	t.Helper()
	d := &door{server: server, conns: make(map[net.Conn]bool)}
	t.Cleanup(func() { d.shut(false) })
	d.address = accept(t, d.pass)
	return d
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

// shut closes the door, and whatever came through it.
func (d *door) shut(silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed, d.silent, d.dials = true, silent, nil
	for conn := range d.conns {
		_ = conn.Close() // To break it is the point.
	}
}

// open opens the door, and returns when somebody came while it was shut. Those
// who wait outside are turned away.
func (d *door) open() []time.Time {
	dials := d.dialled()
	d.shut(false)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = false
	return dials
}

func (d *door) dialled() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dials
}

// enter notes a connection; false is for one that is turned away.
func (d *door) enter(conn net.Conn) (through, stays bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		d.dials = append(d.dials, time.Now())
	}
	d.conns[conn] = true
	return !d.closed, !d.closed || d.silent
}

func (d *door) leave(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, conn)
	_ = conn.Close() // Nobody uses it any more.
}

// pass connects a caller with the server until one of them ends it.
func (d *door) pass(conn net.Conn) {
	defer d.leave(conn)
	through, stays := d.enter(conn)
	if !stays {
		return
	}
	if !through {
		_, _ = io.Copy(io.Discard, conn) // Ends when the door moves, or the caller leaves.
		return
	}
	server, err := net.Dial("tcp", d.server)
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
