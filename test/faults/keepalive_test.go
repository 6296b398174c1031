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
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// balancer forwards connections to a server. As over a network, it learns late that the
// server has closed a connection, and sends calls on it until then.
type balancer struct {
	address, server string
	held            chan struct{} // Closed when it hears.

	mu    sync.Mutex
	ended int // Connections that the server ended.
}

func startBalancer(t *testing.T, server string) *balancer {
	t.Helper()
	b := &balancer{server: server, held: make(chan struct{})}
	b.address = accept(t, b.pass)
	return b
}

func (b *balancer) pass(conn net.Conn) {
	defer conn.Close()
	server, err := net.Dial("tcp", b.server)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(server, conn) }() // Ends with the connections.
	_, _ = io.Copy(conn, server)
	b.mu.Lock()
	b.ended++
	b.mu.Unlock()
	<-b.held
}

// hasEnded returns how many connections the server ended.
func (b *balancer) hasEnded() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended
}

// TestKeepAlive makes a load balancer keep connections longer than the service, where
// calls are lost, and shorter, where none may be lost.
func TestKeepAlive(t *testing.T) {
	const (
		connections = 50
		idleFor     = 2 * time.Second // Until the load balancer closes one.
		request     = "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"
	)
	r := newRow(t, "keep-alive behind a load balancer")
	issuer, database := stack.StartIssuer(t), pgtest.NewDatabase(t)
	// callTwice returns how many of the second calls were answered.
	callTwice := func(timeout string, idle func(*balancer)) (served int) {
		t.Helper()
		s := startTodod(t, issuer, database, map[string]string{"KEEP_ALIVE_TIMEOUT": timeout})
		b := startBalancer(t, s.Address)
		conns := make([]net.Conn, connections)
		for n := range conns {
			conn, err := net.Dial("tcp", b.address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conns[n] = conn
			if a := exchangeOn(conn, request); a.Status != http.StatusOK {
				t.Fatal(a)
			}
		}
		idle(b)
		for _, conn := range conns {
			_, _ = io.WriteString(conn, request) // What becomes of it is seen below.
		}
		close(b.held)
		for _, conn := range conns {
			if readAnswer(conn).Status == http.StatusOK {
				served++
			}
		}
		return served
	}
	r.Did("%d connections that idle, then a call on each", connections)
	report.Same(r, "served by a service that keeps them for less long", callTwice("1", func(b *balancer) {
		stack.Eventually(t, "the service ends the connections", func() bool { return b.hasEnded() == connections })
	}), 0)
	ended := 0
	report.Same(r, "by one that keeps them for longer", callTwice("60", func(b *balancer) {
		time.Sleep(idleFor) // It has nothing to send.
		ended = b.hasEnded()
	}), connections)
	r.None("connections that it ended", ended)
}
