//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/internal/childprocess"
)

// child is todod as a process of its own: what main does, and what a process
// has once, can't be tested within this one.
type child struct {
	*childprocess.Process
	stdout *os.File      // The other end of its stdout.
	lines  *bufio.Reader // Reads stdout, line by line.
}

// startChild runs todod with its stdout and stderr in a pipe, until the test
// ends. The environment is all that it has. Through is a command that runs
// the one behind it, or nothing.
func startChild(t *testing.T, environment map[string]string, through []string, args ...string) *child {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command := append(append(through, program), args...)
	cmd := exec.CommandContext(context.Background(), command[0], command[1:]...)
	cmd.Dir = t.TempDir() // It has no .env.
	cmd.Env = []string{childVariable + "=1", "PATH=" + os.Getenv("PATH")}
	for name, value := range environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	// A child ignores what this process ignores, as under nohup.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP, syscall.SIGINT)
	process, err := childprocess.Start(cmd)
	signal.Stop(heard)
	_ = writer.Close() // The child has its own.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
		_ = reader.Close()
	})
	return &child{Process: process, stdout: reader, lines: bufio.NewReader(reader)}
}

// line returns the next line of the log, which has to come.
func (c *child) line(t *testing.T) logLine {
	t.Helper()
	_ = c.stdout.SetReadDeadline(time.Now().Add(patience))
	text, err := c.lines.ReadString('\n')
	if err != nil {
		t.Fatalf("no line: %q %v", text, err)
	}
	var line logLine
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("a log line that is no JSON object: %q", text)
	}
	return line
}

// wait returns the next line with this message, and passes over others.
func (c *child) wait(t *testing.T, message string) logLine {
	t.Helper()
	for {
		if line := c.line(t); line["msg"] == message {
			return line
		}
	}
}

// signal sends signals, one after the other.
func (c *child) signal(t *testing.T, signals ...syscall.Signal) {
	t.Helper()
	for _, s := range signals {
		if err := c.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
}

// ended returns how the process ended, which has to happen by itself.
func (c *child) ended(t *testing.T) syscall.WaitStatus {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatal("todod does not end")
	}
	status, ok := c.State().Sys().(syscall.WaitStatus)
	if !ok {
		t.Fatal(c.Wait())
	}
	return status
}

// newClient returns a client of HTTP/1.1 with connections of its own.
func newClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 10}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// get reads an answer, and returns its status, or 0 when none came.
func get(t *testing.T, client *http.Client, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	res, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Error(err)
		return 0
	}
	return res.StatusCode
}
