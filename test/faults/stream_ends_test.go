//go:build linux

package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"golang.org/x/net/http2"
)

const (
	watchPath   = "/grpc.health.v1.Health/Watch"
	reflectPath = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	// streamsThatEnd is how many are opened at once.
	streamsThatEnd = 90
	// listServices is ServerReflectionRequest{list_services: ""}.
	listServices = "\x3a\x00"
)

// TestStreamsWhoseCallersLeave ends many streams at once, in every way there is:
// what serves a stream must not outlive it, nor the process die of it.
func TestStreamsWhoseCallersLeave(t *testing.T) {
	const rounds, waysPerRound = 40, 5
	r := newRow(t, "streams whose callers leave")
	issuer, database := stack.StartIssuer(t), pgtest.NewDatabase(t)
	s := startTodod(t, issuer, database, noHeapFloor())
	other := startTodod(t, issuer, database, noHeapFloor()) // Which nobody leaves.
	client := stack.NewClient(t, false)
	for _, s := range []*stack.Todod{s, other} {
		s.Create(t, client, "u")
	}
	client.CloseIdleConnections()

	round := func(wait bool) (served int) {
		served += leaveHTTP2(t, s, wait, func(f *framer) { resetAll(f, http2.ErrCodeCancel) })
		served += leaveHTTP2(t, s, wait, func(f *framer) { resetAll(f, http2.ErrCodeInternal) })
		served += leaveHTTP2(t, s, wait, (*framer).close)
		served += leaveHTTP2(t, s, wait, func(f *framer) {
			_ = f.conn.SetLinger(0) // It is closed by a reset then.
			f.close()
		})
		return served + leaveHTTP1(t, s, wait)
	}
	round(true)
	files := eventuallyStill(t, s)
	before := s.ResetPeak(t)
	mark := s.Mark()
	served := 0
	for n := range rounds {
		served += round(n%2 == 0) // They wait for an answer every other time.
	}
	left := -1
	stack.Eventually(t, "its connections are closed", func() bool {
		left = s.OpenFiles(t) - files
		return left <= 0
	})
	added := s.Peak(t) - before
	alive := stack.Call(t, client, http.MethodGet, s.URL+"/livez", "")
	client.CloseIdleConnections()
	panics := strings.Count(s.Text(mark), "panic")
	goroutines, others := s.Goroutines(t), other.Goroutines(t)

	r.Did("%d rounds of %d streams, of health and reflection, ended by cancel, reset and closing, over h2c and HTTP/1.1", rounds, waysPerRound*streamsThatEnd)
	report.AtLeast(r, "served", served, rounds*waysPerRound/2)
	report.Same(r, "then /livez", alive.Status, http.StatusOK)
	r.None("log lines with a panic", panics)
	r.None("connections left", left)
	report.AtMost(r, "goroutines", len(goroutines), len(others)+goroutinesSpare)
	if t.Failed() {
		t.Log(stack.BeganWith(goroutines))
	}
	report.AtMost(r, "memory added", added, memoryBound)
}

// goroutinesSpare is by how many a busy service's goroutines may exceed an idle
// one's: of its database connections, and of timers that are about to end.
const goroutinesSpare = 10

// eventuallyStill returns how many files the service has open once that does
// not change any more.
func eventuallyStill(t *testing.T, s *stack.Todod) int {
	t.Helper()
	last, same := s.OpenFiles(t), 0
	stack.Eventually(t, "nobody comes or leaves", func() bool {
		now := s.OpenFiles(t)
		same++
		if now != last {
			last, same = now, 0
		}
		return same == 50
	})
	return last
}

// leaveHTTP2 opens streams on one connection, waits until each is answered if
// that is asked for, and leaves them. It returns how many were served.
func leaveHTTP2(t *testing.T, s *stack.Todod, wait bool, leave func(*framer)) (served int) {
	t.Helper()
	f := dialHTTP2(t, s.Address, readAll)
	for n := range streamsThatEnd {
		path, message := watchPath, ""
		if n%2 == 1 {
			path, message = reflectPath, listServices
		}
		headers := []string{"content-type", "application/grpc", "te", "trailers"}
		if n%4 < 2 {
			headers = append(headers, "authorization", s.Issuer.Bearer("u"))
		}
		if err := f.call(path, envelope(message), n%2 == 0, headers...); err != nil {
			t.Fatal(err)
		}
	}
	if wait {
		f.wait(t, "each stream is answered", func() bool { return f.count(heard.answered) == streamsThatEnd })
		served = f.count(heard.open)
	}
	leave(f)
	f.close()
	return served
}

func resetAll(f *framer, code http2.ErrCode) {
	for stream := uint32(1); stream <= f.stream; stream += 2 {
		_ = f.WriteRSTStream(stream, code) // It fails when the server has closed the connection.
	}
}

// leaveHTTP1 is leaveHTTP2 of health watches by Connect, each on a connection of
// its own, half of which end by a reset.
func leaveHTTP1(t *testing.T, s *stack.Todod, wait bool) (served int) {
	t.Helper()
	conns := make([]net.Conn, streamsThatEnd)
	for n := range conns {
		conn, err := net.Dial("tcp", s.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns[n] = conn
		body := envelope("{}")
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/connect+json\r\nContent-Length: %d\r\n\r\n%s", watchPath, len(body), body); err != nil {
			t.Fatal(err)
		}
	}
	for n, conn := range conns {
		if wait {
			served += firstStatus(t, conn, http.StatusOK)
		}
		if tcp, ok := conn.(*net.TCPConn); ok && n%2 == 0 {
			_ = tcp.SetLinger(0) // It is closed by a reset then.
		}
		_ = conn.Close() // Whatever it says, it is gone.
	}
	return served
}

// firstStatus returns 1 if an HTTP/1.1 answer has a status, else 0.
func firstStatus(t *testing.T, conn io.Reader, status int) int {
	t.Helper()
	line := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, line); err != nil {
		t.Fatal("no answer:", err)
	}
	if strings.HasSuffix(string(line), fmt.Sprint(" ", status)) {
		return 1
	}
	return 0
}
