//go:build linux

package load

import (
	"net/http"
	"testing"
	"time"

	"example.com/todo-backend/test/stack"
)

// TestRecovery has 100 calls a second for three seconds.
func TestRecovery(t *testing.T) {
	t.Parallel()
	const interval = 10 * time.Millisecond
	for _, test := range []struct {
		name   string
		failed func(at time.Duration) bool
		least  time.Duration
		most   time.Duration
	}{
		{"at once", func(time.Duration) bool { return false }, 0, 0},
		{"after a second", func(at time.Duration) bool { return at < time.Second }, 950 * time.Millisecond, time.Second},
		{"with one call that had no time", func(at time.Duration) bool { return at < time.Second || at == 2500*time.Millisecond }, 950 * time.Millisecond, time.Second},
		{"of reads, and later of writes", func(at time.Duration) bool { return at < time.Second && at%(2*interval) == 0 }, 900 * time.Millisecond, time.Second},
		{"with a moment without", func(at time.Duration) bool {
			return at < time.Second || at > 1600*time.Millisecond && at < 1900*time.Millisecond
		}, 950 * time.Millisecond, time.Second},
		{"and gone again", func(at time.Duration) bool { return at > time.Second }, 2500 * time.Millisecond, 3 * time.Second},
		{"never", func(time.Duration) bool { return true }, 2900 * time.Millisecond, 3 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			since := time.Now()
			var after Answers
			for at := time.Duration(0); at < 3*time.Second; at += interval {
				a := stack.Answer{Sent: since.Add(at), Status: http.StatusOK}
				if test.failed(at) {
					a.Status = http.StatusServiceUnavailable
				}
				after = append(after, a)
			}
			if got := after.recovered(since); got < test.least || got > test.most {
				t.Errorf("recovered after %v, want %v to %v", got, test.least, test.most)
			}
		})
	}
}
