package main

import (
	"testing"
	"time"
)

// TestARollingRestartLosesNoStream also shows that a process never has more streams than it
// may have.
func TestARollingRestartLosesNoStream(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	for _, test := range []struct {
		each   int
		away   time.Duration
		isFull bool
	}{{1000, time.Second, false}, {4500, time.Second, false}, {4500, 30 * time.Second, false}, {9000, 30 * time.Second, true}} {
		r := newRollout(newSimulation(1, "restart"), 3, 3*test.each, a, &f)
		r.away = test.away
		r.run()
		open := 0
		for _, n := range r.nodes {
			open += n.open
		}
		switch {
		case r.most > r.watches || (r.refused > 0) != test.isFull:
			t.Errorf("%+v: %d streams on a process at most, %d refused", test, r.most, r.refused)
		case test.isFull && open >= 3*test.each || !test.isFull && open != 3*test.each:
			t.Errorf("%+v: %d streams are open at the end", test, open)
		case r.reopens < 3*test.each-r.nodes[0].open:
			t.Errorf("%+v: %d were opened again", test, r.reopens)
		}
	}
}

func TestAProcessThatGoesMovesItsOwnStreamsOnly(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	r := newRollout(newSimulation(1, "restart"), 5, 5000, a, &f)
	for _, n := range r.nodes {
		if n.open < 900 || n.open > 1100 {
			t.Errorf("a process has %d streams of 5000, of five processes", n.open)
		}
	}
	gone := r.nodes[2]
	gone.isUp = false
	for i := range r.streams {
		if s := &r.streams[i]; (s.at == gone) == (r.nodeFor(s) == s.at) {
			t.Fatalf("stream %d moves without need, or doesn't", i)
		}
	}
}

// TestAProcessHasNoMoreStreamsThanConnections restarts processes whose MAX_CONNECTIONS is
// below WATCHES.
func TestAProcessHasNoMoreStreamsThanConnections(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	a.connections.value = 1000
	r := newRollout(newSimulation(1, "restart"), 3, 3*900, a, &f)
	r.away = 30 * time.Second
	r.run()
	if r.most != 1000 || r.refused == 0 {
		t.Errorf("%d streams on a process at most, %d refused; want 1000, and some", r.most, r.refused)
	}
}
