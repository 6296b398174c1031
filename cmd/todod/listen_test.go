//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestTheServiceLastsWithoutFileDescriptors(t *testing.T) {
	t.Parallel()
	const descriptors, callers = 64, 100
	_, environment := surroundings(t, map[string]string{"DATABASE_MAX_CONNS": "2"})
	c := startChild(t, environment, []string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, descriptors)}, "serve")
	s := &service{url: fmt.Sprint("http://", c.wait(t, "serving")["addr"])}
	for i := range callers {
		conn := s.dial(t) // And kept open.
		if got := exchangeRaw(t, conn, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Fatalf("connection %d got %q", i, got)
		}
	}
	c.signal(t, syscall.SIGTERM)
	if status := c.ended(t); status != 0 {
		t.Errorf("ended with %v", status)
	}
}

func TestAnIdleConnectionIsKeptForTheKeepAliveTimeout(t *testing.T) {
	t.Parallel()
	const live = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
	// An empty SETTINGS frame, which is all that a client has to say.
	const settings = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	short, long := start(t, map[string]string{"KEEP_ALIVE_TIMEOUT": "1"}), start(t, nil)
	for name, request := range map[string]string{"HTTP/1.1": live, "HTTP/2": settings} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := long.dial(t)
			exchangeRaw(t, kept, request)
			conn := short.dial(t)
			exchangeRaw(t, conn, request)
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
			if name == "HTTP/1.1" {
				exchangeRaw(t, kept, request)
			}
		})
	}
}
