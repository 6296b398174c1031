package pgtest

import (
	"context"
	"testing"
	"time"
)

// waitInterval is how long WaitFor pauses between two tries.
const waitInterval = 5 * time.Millisecond

// WaitFor repeats an action until it succeeds. It fails the test when that takes too
// long.
func WaitFor(t testing.TB, what string, action func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	pause := time.NewTicker(waitInterval)
	defer pause.Stop()
	for {
		err := action()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("pgtest: waited in vain for %s: %v", what, err)
		case <-pause.C:
		}
	}
}
