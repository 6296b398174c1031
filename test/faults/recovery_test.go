//go:build linux

package faults

import (
	"testing"
	"time"
)

// recoveryBound is how soon calls have to be served after a dependency has returned.
const recoveryBound = 2 * time.Second

// recovered returns how long after a time the last call was sent that failed,
// having watched for a while longer than it may take.
func (l *load) recovered(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	if time.Since(since) > recoveryBound {
		t.Fatal("looked for the recovery too late to see it")
	}
	time.Sleep(time.Until(since.Add(recoveryBound + time.Second)))
	after := l.since(since)
	if len(after) == 0 {
		t.Fatal("no calls since it came back")
	}
	return after.failed().lastSent(since).Sub(since)
}
