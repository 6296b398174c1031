package main

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// What an orchestrator sees: exit codes, and one line that says why.
func TestAHealthChecksExitCodeAndItsLine(t *testing.T) {
	t.Parallel()
	_, environment := surroundings(t, map[string]string{"SHUTDOWN_DELAY": "3600"})
	s := startChild(t, environment, nil, "serve")
	address := fmt.Sprint(s.wait(t, "serving")["addr"])
	wantCheck(t, address, 0, "ready\n")

	s.signal(t, syscall.SIGTERM)
	s.wait(t, "draining")
	wantCheck(t, address, 1, "todod: not ready: "+address+": the service shuts down\n")

	s.signal(t, syscall.SIGTERM)
	s.ended(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	wantCheck(t, ":"+port, 1, "todod: not ready: :"+port+": dial tcp :"+port+": connect: connection refused\n")
}

// wantCheck runs `todod healthcheck` as a process that has only LISTEN_ADDR.
func wantCheck(t *testing.T, address string, code int, output string) {
	t.Helper()
	c := startChild(t, map[string]string{"LISTEN_ADDR": address}, nil, "healthcheck")
	_ = c.stdout.SetReadDeadline(time.Now().Add(patience))
	printed, err := io.ReadAll(c.lines)
	if err != nil {
		t.Fatal(err)
	}
	if status := c.ended(t); status.ExitStatus() != code || string(printed) != output {
		t.Errorf("exit code %d and %q, want %d and %q", status.ExitStatus(), printed, code, output)
	}
}
