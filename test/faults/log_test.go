//go:build linux

package faults

import (
	"time"

	"example.com/todo-backend/test/stack"
)

// lookout looks for secrets in every log of this run.
var lookout stack.Canaries

// newLogs returns a log that is looked through for secrets.
func newLogs() *stack.Logs { return &stack.Logs{Canaries: &lookout} }

// slowestLogged returns how long the slowest request with a status took.
func slowestLogged(lines []stack.LogLine, status int) time.Duration {
	var slowest time.Duration
	for _, line := range lines {
		if line.Message == "request" && line.Status == status {
			slowest = max(slowest, line.Took())
		}
	}
	return slowest
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
