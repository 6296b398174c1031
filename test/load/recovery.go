//go:build linux

package load

import (
	"testing"
	"time"
)

const (
	// RecoveryBound is how soon calls have to be served after a dependency has returned.
	RecoveryBound = 2 * time.Second

	// servedFor is for how long calls have to be served to count as served again.
	servedFor = 500 * time.Millisecond
)

// Recovered returns how long after a time calls were served again. It watches for a while
// longer than that may take.
func (l *Load) Recovered(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	time.Sleep(time.Until(since.Add(RecoveryBound + time.Second)))
	after := l.Since(since)
	if len(after) == 0 {
		t.Fatal("no calls since it came back")
	}
	return after.recovered(since)
}

// recovered returns how long after a time the first half second began in which 19 of 20
// calls succeeded, and of all calls after its begin most. The others may be calls that a
// busy machine left no time.
func (as Answers) recovered(since time.Time) time.Duration {
	const step = 10 * time.Millisecond
	end := as.LastSent(since).Add(step)
	from := since
	for from.Before(end) && !(as.Between(from, from.Add(servedFor)).succeed(20) && as.Between(from, end).succeed(2)) {
		from = from.Add(step)
	}
	return from.Sub(since)
}

// succeed reports whether there are answers, and at most one in n is an error.
func (as Answers) succeed(n int) bool { return len(as) > 0 && n*len(as.Failed()) <= len(as) }
