//go:build linux

package faults

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// logReader reads the log of a service through a pipe, and can stop.
type logReader struct {
	pipe *os.File
	logs *stack.Logs
	stop sync.Mutex // Held while it does.
}

func (l *logReader) run() {
	buffer := make([]byte, 4096)
	for {
		n, err := l.pipe.Read(buffer)
		l.stop.Lock()
		_, _ = l.logs.Write(buffer[:n]) // It never fails.
		l.stop.Unlock()
		if err != nil {
			return
		}
	}
}

// startTododReadBy runs the service as startTodod does, with a log reader
// besides.
func startTododReadBy(t *testing.T, settings map[string]string) (*stack.Todod, *logReader) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() }) // It may be already.
	s := &stack.Todod{Logs: newLogs(), Issuer: stack.StartIssuer(t)}
	l := &logReader{pipe: reader, logs: s.Logs}
	variables := stack.Environment(t, s.Issuer, pgtest.NewDatabase(t), settings)
	s.Process = stack.Start(t, nil, variables, writer, stack.ProgramPath(t, *program), "serve")
	if err := writer.Close(); err != nil { // The child has its own.
		t.Fatal(err)
	}
	go l.run()
	s.AwaitServing(t)
	return s, l
}

// fullLog is a number of calls to longPath whose lines exceed the pipe and the buffers.
const fullLog = 6000

// ownLines is how many lines of its own, besides those of calls, a service may
// write meanwhile.
const ownLines = 10

// longPath is one whose log line is long.
const longPath = "/nothing/"

// fillLog makes fullLog calls, as long as they are answered, and returns how
// many were.
func fillLog(t *testing.T, s *stack.Todod) (answered int) {
	t.Helper()
	const callers = 4
	client := stack.NewClient(t, false)
	path := s.URL + longPath + strings.Repeat("x", 240)
	var all sync.WaitGroup
	var mu sync.Mutex
	for range callers {
		all.Go(func() {
			for range fullLog / callers {
				if stack.Call(t, client, http.MethodGet, path, "").Status != http.StatusNotFound {
					return
				}
				mu.Lock()
				answered++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return answered
}

func TestLogReaderThatStops(t *testing.T) {
	r := newRow(t, "a log reader that stops")
	s, reader := startTododReadBy(t, nil)
	l := load.Start(t, s.URL, s.Issuer, bystanderRate)
	l.During(calmFor)

	reader.stop.Lock()
	answered := fillLog(t, s)
	others := l.During(calmFor)
	reader.stop.Unlock()
	if answered < fullLog {
		l.Finish()
		report.Same(r, "calls answered", answered, fullLog)
		return // Then there may be no line to wait for.
	}
	dropped, lines := s.Await(t, 0, "log lines dropped").Lines, 0
	stack.Eventually(t, "the lines that are there have come", func() bool {
		lines = 0
		for _, line := range s.Since(t, 0) {
			if strings.HasPrefix(line.Path, longPath) {
				lines++
			}
		}
		return lines+dropped >= fullLog
	})
	reader.stop.Lock()
	most := fullLog + len(l.Finish()) + ownLines
	answered += fillLog(t, s)
	err := s.Terminate(t)
	reader.stop.Unlock()

	r.Did("%d calls while nobody read the log, then again, and SIGTERM", fullLog)
	report.Same(r, "calls answered", answered, 2*fullLog)
	r.None("others failed", len(others.Failed()))
	report.AtLeast(r, "lines said to be dropped", dropped, 1)
	// Which are at least fullLog: it was waited for.
	report.AtMost(r, "with those that came", lines+dropped, most)
	r.None("unclean ends", count(err))
}

func TestLogReaderThatDies(t *testing.T) {
	r := newRow(t, "a log reader that dies")
	s, reader := startTododReadBy(t, nil)
	l := load.Start(t, s.URL, s.Issuer, bystanderRate)
	l.During(calmFor)
	if err := reader.pipe.Close(); err != nil {
		t.Fatal(err)
	}
	during := l.During(calmFor)
	l.Finish()
	r.Did("it closed the pipe, %d calls, and SIGTERM", len(during))
	report.AtLeast(r, "calls", len(during), bystanderRate)
	r.None("of them failed", len(during.Failed()))
	r.None("unclean ends", count(s.Terminate(t)))
}

// count returns 1 for an error.
func count(err error) int {
	if err != nil {
		return 1
	}
	return 0
}
