//go:build linux

package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// LogLine is a line of the service's log.
type LogLine struct {
	Time       time.Time `json:"time"`
	Level      string    `json:"level"`
	Message    string    `json:"msg"`
	Address    string    `json:"addr"`
	Path       string    `json:"path"`
	Procedure  string    `json:"procedure"`
	Status     int       `json:"status"`
	UserID     string    `json:"user_id"`
	DurationMS float64   `json:"duration_ms"`
	Cause      string    `json:"cause"` // Of a failure of the service.
	Lines      int       `json:"lines"` // Of those that say how many were dropped.
	Text       string    `json:"-"`
}

// Began is when the request of a line began.
func (l LogLine) Began() time.Time {
	return l.Time.Add(-l.Took())
}

// Took is how long the request of a line took, by the service's clock.
func (l LogLine) Took() time.Duration { return time.Duration(l.DurationMS * float64(time.Millisecond)) }

// Logs keeps what a process writes, line by line.
type Logs struct {
	Canaries *Canaries // nil when nobody looks for secrets.

	mu      sync.Mutex
	partial []byte
	lines   []string
}

// Write implements [io.Writer].
func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		line, rest, found := bytes.Cut(l.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.lines, l.partial = append(l.lines, string(line)), rest
		if l.Canaries != nil {
			l.Canaries.look(string(line))
		}
	}
}

// Text is what was written, from a line on.
func (l *Logs) Text(from int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines[from:], "\n")
}

// Mark returns the number of lines so far.
func (l *Logs) Mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// Since returns the lines from a mark on, each of which has to be a JSON
// object.
func (l *Logs) Since(t *testing.T, mark int) []LogLine {
	t.Helper()
	l.mu.Lock()
	texts := l.lines[mark:]
	l.mu.Unlock()
	lines := make([]LogLine, 0, len(texts))
	for _, text := range texts {
		line := LogLine{Text: text}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("a log line that is no JSON object: %q", text)
		}
		lines = append(lines, line)
	}
	return lines
}

// Await returns the first line from a mark on with a message, as soon as it is
// there.
func (l *Logs) Await(t *testing.T, mark int, message string) LogLine {
	t.Helper()
	var found LogLine
	Eventually(t, fmt.Sprintf("the log line %q", message), func() bool {
		for _, line := range l.Since(t, mark) {
			if line.Message == message {
				found = line
				return true
			}
		}
		return false
	})
	return found
}
