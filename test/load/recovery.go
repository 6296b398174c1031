//go:build linux

package load

import (
	"testing"
	"time"
)

// RecoveryBound is how soon calls have to be served after a dependency has returned.
const RecoveryBound = 2 * time.Second

// Recovered returns how long after a time the last call was sent that failed,
// having watched for a while longer than it may take.
func (l *Load) Recovered(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	if time.Since(since) > RecoveryBound {
		t.Fatal("looked for the recovery too late to see it")
	}
	time.Sleep(time.Until(since.Add(RecoveryBound + time.Second)))
	after := l.Since(since)
	if len(after) == 0 {
		t.Fatal("no calls since it came back")
	}
	return after.Failed().LastSent(since).Sub(since)
}
