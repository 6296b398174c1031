//go:build linux

package faults

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"golang.org/x/net/http2"
)

// jitter is what a p99 may be besides twice another one: on a busy machine one
// is not like the next.
const jitter = 20 * time.Millisecond

// p99During compares the p99 of reads at a steady rate during a fault, which is made again
// when it is bad, with that before and after, and adds it to a row.
func p99During(r *report.Row, l *load.Load, what string, bound func(calm time.Duration) time.Duration, fault func()) {
	r.T.Helper()
	r.Try(func(r *report.Row) {
		calm := l.During(2 * time.Second).P99()
		from := time.Now()
		fault()
		during := l.Since(from)
		calm = max(calm, l.During(2*time.Second).P99())
		served(r, "others", during)
		report.AtMost(r, fmt.Sprintf("%s, %v without", what, report.Rounded(calm)), during.P99(), bound(calm))
	})
}

// twice is the bound of a p99 that may double.
func twice(before time.Duration) time.Duration { return (2*before + jitter).Round(time.Millisecond) }

func TestSlowConnections(t *testing.T) {
	const connections = 1000
	issuer := stack.StartIssuer(t)
	kinds := []struct {
		name  string
		bound time.Duration
		first string // What is sent at first.
		drip  string // What is sent every second until the connection ends.
	}{
		{"headers, a byte at a time", 5 * time.Second, "GET /api/todos HTTP/1.1\r\nX: ", "x"},
		{"a partial HTTP/2 preface", 5 * time.Second, http2.ClientPreface[:20], ""},
		{
			"a body that never ends", 10 * time.Second,
			"POST /api/todos HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\nAuthorization: " + issuer.Bearer("slow") + "\r\n\r\n{",
			" ",
		},
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			r := newRow(t, "slow: "+kind.name)
			s := startTodod(t, issuer, pgtest.NewDatabase(t), nil)
			l := load.StartReads(t, s.URL, s.Issuer, 100)
			var open atomic.Int64
			var slowest time.Duration
			r.Did("%d connections", connections)
			p99During(r, l, "p99 of others", twice, func() { slowest = dripAll(t, s.Address, connections, kind.first, kind.drip, &open) })
			r.None("still open", int(open.Load()))
			report.AtMost(r, "closed within", slowest, kind.bound+machineSlack)
		})
	}
}

// dripAll opens connections, sends something at first and then little by
// little, and returns how long the longest stayed open, each at most patience.
func dripAll(t *testing.T, address string, connections int, first, drip string, open *atomic.Int64) time.Duration {
	t.Helper()
	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		slowest time.Duration
	)
	for range connections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // Or else to connect is what others notice.
		open.Add(1)
		all.Go(func() {
			defer conn.Close()
			began := time.Now()
			if dripOne(conn, first, drip) {
				open.Add(-1)
			}
			mu.Lock()
			defer mu.Unlock()
			slowest = max(slowest, time.Since(began))
		})
	}
	all.Wait()
	return slowest
}

// dripOne reports whether the server closed the connection.
func dripOne(conn net.Conn, first, drip string) (closed bool) {
	if _, err := io.WriteString(conn, first); err != nil {
		return true
	}
	buffer := make([]byte, 4096)
	for deadline := time.Now().Add(stack.Patience); time.Now().Before(deadline); {
		_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // It works on any connection.
		_, err := conn.Read(buffer)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return true
		}
		if _, err := io.WriteString(conn, drip); err != nil {
			return true
		}
	}
	return false
}

func TestReaderThatStops(t *testing.T) {
	longOnly(t)
	t.Parallel()
	r := newRow(t, "a reader that stops")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), nil)
	client := stack.NewClient(t, false)
	for range 20 { // Todos enough for answers that fill buffers.
		body := fmt.Sprintf(`{"title":%q,"description":"%01900d"}`, stack.CanaryTitle, 0)
		if a := stack.Call(t, client, http.MethodPost, s.URL+"/api/todos", body, "Authorization", s.Issuer.Bearer("u"), "Content-Type", stack.ContentTypeJSON); a.Status != http.StatusOK {
			t.Fatal(a)
		}
	}
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	request := "GET /api/todos HTTP/1.1\r\nHost: x\r\nAuthorization: " + s.Issuer.Bearer("u") + "\r\n\r\n"
	var failed error
	for failed == nil && time.Since(began) < 2*time.Minute {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second)) // It works on any connection.
		_, err := io.WriteString(conn, request)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			failed = err
		}
	}
	r.Did("pipelined calls on HTTP/1.1 and never read an answer")
	report.AtMost(r, "closed within", time.Since(began), time.Minute)
}
