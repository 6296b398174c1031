//go:build linux

package stack

import (
	"fmt"
	"strings"
	"sync"

	"example.com/todo-backend/test/report"
)

// The texts that must never be in a log. Every text, user and database URL of these runs
// contains them. Every token begins with the last one, which is the beginning of JSON in
// base64.
const (
	CanaryTitle       = "canary-title"
	CanaryDescription = "canary-description"
	CanaryPassword    = "canary-password"
	canaryClaim       = "@example.com" // In the claim "email".
	canaryToken       = "eyJ"
)

// Canaries looks for the texts that must never be in a log, in every log that it is given.
type Canaries struct {
	mu    sync.Mutex
	lines int
	leaks []string
}

// look takes a line of a log.
func (c *Canaries) look(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines++
	for _, canary := range []string{CanaryTitle, CanaryDescription, CanaryPassword, canaryClaim, canaryToken} {
		if strings.Contains(line, canary) {
			c.leaks = append(c.leaks, line)
			return
		}
	}
}

// found returns how many lines there were, and those with a canary in them.
func (c *Canaries) found() (lines int, leaks []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines, c.leaks
}

// Report adds the row of the logs' lines to a report.
func (c *Canaries) Report(r *report.Reporter) {
	lines, leaks := c.found()
	r.Print("secrets in the log", fmt.Sprintf("looked through %d lines at debug level", lines),
		[]string{fmt.Sprintf("lines with a token, a claim, a text or the password %d (0)", len(leaks))}, len(leaks) > 0)
	for _, leak := range leaks {
		r.Line("        " + leak)
	}
}
