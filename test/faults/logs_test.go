//go:build linux

package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// logLine is a line of the log.
type logLine struct {
	Time       time.Time `json:"time"`
	Level      string    `json:"level"`
	Message    string    `json:"msg"`
	Address    string    `json:"addr"`
	Path       string    `json:"path"`
	Procedure  string    `json:"procedure"`
	Status     int       `json:"status"`
	UserID     string    `json:"user_id"`
	DurationMS float64   `json:"duration_ms"`
	Lines      int       `json:"lines"` // Of those that say how many were dropped.
	Text       string    `json:"-"`
}

// began is when the request of a line began.
func (l logLine) began() time.Time {
	return l.Time.Add(-l.took())
}

// took is how long the request of a line took, by the service's clock.
func (l logLine) took() time.Duration { return time.Duration(l.DurationMS * float64(time.Millisecond)) }

// logs keeps what a process writes, line by line.
type logs struct {
	canaries *canaries // nil when nobody looks for secrets.

	mu      sync.Mutex
	partial []byte
	lines   []string
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		line, rest, found := bytes.Cut(l.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.lines, l.partial = append(l.lines, string(line)), rest
		if l.canaries != nil {
			l.canaries.look(string(line))
		}
	}
}

// text is what was written, from a line on.
func (l *logs) text(from int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines[from:], "\n")
}

// mark returns the number of lines so far.
func (l *logs) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// since returns the lines from a mark on, each of which has to be a JSON
// object.
func (l *logs) since(t *testing.T, mark int) []logLine {
	t.Helper()
	l.mu.Lock()
	texts := l.lines[mark:]
	l.mu.Unlock()
	lines := make([]logLine, 0, len(texts))
	for _, text := range texts {
		line := logLine{Text: text}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("a log line that is no JSON object: %q", text)
		}
		lines = append(lines, line)
	}
	return lines
}

// await returns the first line from a mark on with a message, as soon as it is
// there.
func (l *logs) await(t *testing.T, mark int, message string) logLine {
	t.Helper()
	var found logLine
	eventually(t, fmt.Sprintf("the log line %q", message), func() bool {
		for _, line := range l.since(t, mark) {
			if line.Message == message {
				found = line
				return true
			}
		}
		return false
	})
	return found
}
