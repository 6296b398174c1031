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

// The texts that must never be in a log. Every text, user and database URL of these runs
// contains them. Every token begins with the last one, which is the beginning of JSON in
// base64.
const (
	canaryTitle       = "canary-title"
	canaryDescription = "canary-description"
	canaryPassword    = "canary-password"
	canaryClaim       = "@example.com" // In the claim "email".
	canaryToken       = "eyJ"
)

// canaries looks for them in every log of this run.
var canaries lookout

type lookout struct {
	mu    sync.Mutex
	lines int
	leaks []string
}

// look takes a line of a log.
func (l *lookout) look(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines++
	for _, canary := range []string{canaryTitle, canaryDescription, canaryPassword, canaryClaim, canaryToken} {
		if strings.Contains(line, canary) {
			l.leaks = append(l.leaks, line)
			return
		}
	}
}

// found returns how many lines there were, and those with a canary in them.
func (l *lookout) found() (lines int, leaks []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines, l.leaks
}

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

// slowestLogged returns how long the slowest request with a status took.
func slowestLogged(lines []logLine, status int) time.Duration {
	var slowest time.Duration
	for _, line := range lines {
		if line.Message == "request" && line.Status == status {
			slowest = max(slowest, line.took())
		}
	}
	return slowest
}

// logs keeps what a process writes, line by line.
type logs struct {
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
		canaries.look(string(line))
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

// wait returns the first line from a mark on with a message, as soon as it is
// there.
func (l *logs) wait(t *testing.T, mark int, message string) logLine {
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

// busiest returns the most lines other than requests' that were written within
// any window of some length, and one of them.
func busiest(lines []logLine, window time.Duration) (most int, sample string) {
	var own []logLine
	for _, line := range lines {
		if line.Message != "request" {
			own = append(own, line)
		}
	}
	for i := range own {
		n := 0
		for _, other := range own[i:] {
			if other.Time.Sub(own[i].Time) < window {
				n++
			}
		}
		if n > most {
			most, sample = n, own[i].Text
		}
	}
	return most, sample
}
