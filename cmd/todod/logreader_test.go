//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// callMany makes calls that have long lines in the log.
func callMany(t *testing.T, url string, calls int) {
	t.Helper()
	const callers = 4
	client := newClient(t)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range calls / callers {
				if status := get(t, client, url+"/"+strings.Repeat("x", 250)); status != http.StatusNotFound {
					t.Errorf("answered with %d", status)
				}
			}
		})
	}
	all.Wait()
}

// fillsTheLog is how many of these calls have more lines than a pipe and the
// buffers hold.
const fillsTheLog = 5000

func TestALogReaderThatStopsHoldsUpNoCall(t *testing.T) {
	t.Parallel()
	_, environment := surroundings(t, nil)
	c := startChild(t, environment, nil, "serve")
	url := fmt.Sprint("http://", c.wait(t, "serving")["addr"])
	callMany(t, url, fillsTheLog) // Nobody reads.

	logged, dropped := 0, 0
	for dropped == 0 {
		switch line := c.line(t); line["msg"] {
		case "request":
			logged++
		case "log lines dropped":
			lines, _ := line["lines"].(float64)
			dropped = int(lines)
		}
	}
	if logged+dropped != fillsTheLog {
		t.Errorf("of %d lines %d came, and %d are said to be dropped", fillsTheLog, logged, dropped)
	}
	c.signal(t, syscall.SIGTERM)
	c.wait(t, "drained")
	if status := c.ended(t); status != 0 {
		t.Errorf("ended with %v", status)
	}
}

func TestTheServiceEndsWithALogReaderThatStopped(t *testing.T) {
	t.Parallel()
	_, environment := surroundings(t, nil)
	c := startChild(t, environment, nil, "serve")
	url := fmt.Sprint("http://", c.wait(t, "serving")["addr"])
	callMany(t, url, fillsTheLog)
	c.signal(t, syscall.SIGTERM)
	if status := c.ended(t); status != 0 {
		t.Errorf("ended with %v", status)
	}
}

func TestALogReaderThatDiesIsSurvived(t *testing.T) {
	t.Parallel()
	_, environment := surroundings(t, nil)
	c := startChild(t, environment, nil, "serve")
	url := fmt.Sprint("http://", c.wait(t, "serving")["addr"])
	if err := c.stdout.Close(); err != nil { // And stderr's.
		t.Fatal(err)
	}
	callMany(t, url, 100)
	c.signal(t, syscall.SIGTERM)
	if status := c.ended(t); status != 0 {
		t.Errorf("ended with %v", status)
	}
}

func TestAReaderOfStderrThatStopsOrDiesChangesNoExitCode(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(reader, writer *os.File) error{
		"dies": func(reader, _ *os.File) error { return reader.Close() },
		"stops": func(_, writer *os.File) error {
			_ = writer.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // A pipe has one.
			if _, err := writer.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("the pipe is not full: %w", err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			defer writer.Close()
			if err := prepare(reader, writer); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, "serve") // With no settings, which it says.
			cmd.Dir = t.TempDir()
			cmd.Env = []string{childVariable + "=1"}
			cmd.Stdout, cmd.Stderr = writer, writer
			_ = cmd.Run() // It fails.
			if code := cmd.ProcessState.ExitCode(); code != 1 {
				t.Errorf("ended with %v", cmd.ProcessState)
			}
		})
	}
}
