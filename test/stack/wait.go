//go:build linux

package stack

import (
	"testing"
	"time"
)

// Patience bounds every wait that has no bound of its own to meet.
const Patience = 30 * time.Second

// Eventually waits until something is so, and returns how long that took.
func Eventually(t *testing.T, what string, so func() bool) time.Duration {
	t.Helper()
	started := time.Now()
	for !so() {
		if time.Since(started) > Patience {
			t.Fatalf("not within %v: %s", Patience, what)
		}
		time.Sleep(2 * time.Millisecond) // Between two looks.
	}
	return time.Since(started)
}
