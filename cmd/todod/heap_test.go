package main

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheHeapIsCollectedAtItsFloorOrAtDouble(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, test := range map[string]struct {
		live, roots uint64
		want        int
	}{
		"nothing":            {0, 0, 4800},
		"little":             {12 * mib, 6 * mib, 200},
		"much of it stacks":  {16 * mib, 32 * mib, 100},
		"half of the floor":  {24 * mib, 0, 100},
		"the floor":          {48 * mib, 0, 100},
		"more than it":       {500 * mib, 20 * mib, 100},
		"just below, little": {48*mib - 1, 0, 100},
	} {
		if got := floorPercent(test.live, test.roots); got != test.want {
			t.Errorf("%s: GOGC %d, want %d", name, got, test.want)
		}
	}
}

func TestTheHeapIsCollectedAgainAfterABurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var collected atomic.Int64
		again := collectAgain{collect: func() { collected.Add(1) }}
		wait := func(pause time.Duration, want int64) {
			t.Helper()
			time.Sleep(pause)
			synctest.Wait()
			if got := collected.Load(); got != want {
				t.Errorf("%d collections, want %d", got, want)
			}
		}
		again.after(heapFloor)
		wait(10*collectWithin, 0) // Little is in use.
		again.after(heapFloor + 1)
		wait(collectWithin-1, 0)
		again.after(heapFloor + 1) // Another one came by itself.
		wait(collectWithin-1, 0)
		wait(1, 1)
		again.after(heapFloor + 1)
		again.after(heapFloor) // And found that the burst is over.
		wait(10*collectWithin, 1)
	})
}

func TestEachCollectionIsNoticed(t *testing.T) {
	t.Parallel()
	noticed := make(chan struct{}, 1)
	afterEachCollection(func() {
		select {
		case noticed <- struct{}{}:
		default:
		}
	})
	for range 3 {
		runtime.GC()
		select {
		case <-noticed:
		case <-time.After(10 * time.Second):
			t.Fatal("a collection was not noticed")
		}
	}
}
