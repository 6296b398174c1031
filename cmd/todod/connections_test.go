package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// dial opens a connection to the service, and has it closed when the test ends.
func (s *service) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// exchangeRaw sends text and reads the head of the answer.
func exchangeRaw(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return string(buffer[:n])
}

func TestConnectionsAreBoundedAndNewcomersAreServed(t *testing.T) {
	t.Parallel()
	const most = 10
	s := start(t, map[string]string{"MAX_CONNECTIONS": fmt.Sprint(most)})
	const live = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
	active := s.dial(t)
	if _, err := io.WriteString(active, "POST /api/todos HTTP/1.1\r\nHost: a\r\nAuthorization: "+s.bearer("u")[1]+
		"\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	var idle []net.Conn
	for range 5 * most {
		conn := s.dial(t)
		if got := exchangeRaw(t, conn, live); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Fatalf("a newcomer got %q", got)
		}
		idle = append(idle, conn)
	}
	open := 0
	for _, conn := range idle {
		_, _ = io.WriteString(conn, live) // It may fail on one that was closed.
		_, err := conn.Read(make([]byte, 4096))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("no answer, and not closed")
		}
		if err == nil {
			open++
		}
	}
	if open != most-1 {
		t.Errorf("%d connections are open beside the active one", open)
	}
	if got := exchangeRaw(t, active, `"title":"a"}`); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("the active connection got %q", got)
	}
	s.logs.wait(t, func(line logLine) bool { return line["msg"] == "connections are short" && line["evicted"] != 0.0 }, nil)
}
