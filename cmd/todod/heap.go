package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// heapFloor is what the heap may grow to before it is collected, however little of
// it is in use. Callers leave so little behind that to collect whenever the heap has
// doubled, as is the default, is to do so many times a second.
const heapFloor = 24 << 20

// keepHeapFloor has the garbage collector wait for heapFloor, by setting GOGC after
// each collection. Above it the default holds, and so does GOMEMLIMIT.
func keepHeapFloor() {
	current := 100
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	afterEachCollection(func() {
		metrics.Read(samples)
		live, roots := samples[0].Value.Uint64(), samples[1].Value.Uint64()+samples[2].Value.Uint64()
		// To set it stops the world for a moment, so not for little.
		if percent := floorPercent(live, roots); math.Abs(float64(percent-current)) > float64(current)/10 {
			debug.SetGCPercent(percent)
			current = percent
		}
	})
}

// floorPercent returns the GOGC by which the heap is collected at heapFloor or at
// double what is in use, whichever is more: the collector lets it grow by that
// percentage of what is in use and of its roots.
func floorPercent(live, roots uint64) int {
	if live >= heapFloor {
		return 100
	}
	return int(max(100, (heapFloor-live)*100/max(1<<20, live+roots))) //nolint:gosec // G115: 2400 at most.
}

// collectWithin is how soon a collection follows one that found more than heapFloor
// in use. A burst of calls may need ten times that. When it is over so little is
// allocated that the heap would not double for minutes, and the runtime's own
// collection comes after two. Pools let go of what they have in the second one.
const collectWithin = 15 * time.Second

// giveMemoryBack has the heap collected soon after a burst.
func giveMemoryBack() {
	again := collectAgain{collect: runtime.GC}
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	afterEachCollection(func() {
		metrics.Read(samples)
		again.after(samples[0].Value.Uint64())
	})
}

// collectAgain collects the heap once more. Not safe for concurrent use.
type collectAgain struct {
	collect func()
	timer   *time.Timer
}

// after is told what a collection found in use.
func (c *collectAgain) after(live uint64) {
	if c.timer != nil {
		c.timer.Stop()
	}
	if live > heapFloor {
		c.timer = time.AfterFunc(collectWithin, c.collect)
	}
}

// afterEachCollection calls a function after each collection, one call at a time.
func afterEachCollection(f func()) {
	type garbage struct{ _ *garbage }
	runtime.AddCleanup(new(garbage), func(f func()) {
		f()
		afterEachCollection(f)
	}, f)
}
