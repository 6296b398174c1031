//go:build linux

package faults

import (
	"testing"
	"time"
)

// patience bounds every wait that has no bound of its own to meet.
const patience = 30 * time.Second

// eventually waits until something is so, and returns how long that took.
func eventually(t *testing.T, what string, so func() bool) time.Duration {
	t.Helper()
	started := time.Now()
	for !so() {
		if time.Since(started) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond) // Between two looks.
	}
	return time.Since(started)
}
