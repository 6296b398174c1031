//go:build linux

package faults

import (
	"strings"
	"time"

	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/stack"
)

// lookout looks for secrets in every log of this run.
var lookout stack.Canaries

// newLogs returns a log that is looked through for secrets.
func newLogs() *stack.Logs { return &stack.Logs{Canaries: &lookout} }

// requestsOf returns the requests of users whose names begin with a prefix, with the times
// that they took by the service's clock: callers here may be late themselves.
func requestsOf(lines []stack.LogLine, prefix string) load.Answers {
	var requests load.Answers
	for _, line := range lines {
		if line.Message == "request" && strings.HasPrefix(line.UserID, prefix) {
			requests = append(requests, stack.Answer{Status: line.Status, Sent: line.Began(), Took: line.Took()})
		}
	}
	return requests
}

// busiest returns the most lines other than requests' that were written within
// any window of some length, and one of them.
func busiest(lines []stack.LogLine, window time.Duration) (most int, sample string) {
	var own []stack.LogLine
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
