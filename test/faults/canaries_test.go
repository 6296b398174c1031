//go:build linux

package faults

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
	canaryTitle       = "canary-title"
	canaryDescription = "canary-description"
	canaryPassword    = "canary-password"
	canaryClaim       = "@example.com" // In the claim "email".
	canaryToken       = "eyJ"
)

// canaries looks for the texts that must never be in a log, in every log that it is given.
type canaries struct {
	mu    sync.Mutex
	lines int
	leaks []string
}

// look takes a line of a log.
func (c *canaries) look(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines++
	for _, canary := range []string{canaryTitle, canaryDescription, canaryPassword, canaryClaim, canaryToken} {
		if strings.Contains(line, canary) {
			c.leaks = append(c.leaks, line)
			return
		}
	}
}

// found returns how many lines there were, and those with a canary in them.
func (c *canaries) found() (lines int, leaks []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines, c.leaks
}

// report adds the row of the logs' lines to a report.
func (c *canaries) report(r *report.Reporter) {
	lines, leaks := c.found()
	r.Print("secrets in the log", fmt.Sprintf("looked through %d lines at debug level", lines),
		[]string{fmt.Sprintf("lines with a token, a claim, a text or the password %d (0)", len(leaks))}, len(leaks) > 0)
	for _, leak := range leaks {
		r.Line("        " + leak)
	}
}
