package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// heapFloor is the size that the heap grows to before it is collected. Requests keep
// little in use, so by default, at twice of that, the heap would be collected many
// times a second. At 100 callers, the floor makes gets 12 to 15 % faster and lists of
// 20 13 %, for 8 MiB more (docs/performance.md).
const heapFloor = 24 << 20

// keepHeapFloor sets GOGC after each collection so that the next one comes at
// heapFloor. Above it the default holds, and so does GOMEMLIMIT.
func keepHeapFloor() {
	current := 100
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	afterEachCollection(func() {
		metrics.Read(samples)
		live, roots := samples[0].Value.Uint64(), samples[1].Value.Uint64()+samples[2].Value.Uint64()
		// Setting it stops the world for a moment, so small changes are not worth it.
		if percent := floorPercent(live, roots); math.Abs(float64(percent-current)) > float64(current)/10 {
			debug.SetGCPercent(percent)
			current = percent
		}
	})
}

// floorPercent returns the GOGC by which the heap is collected at heapFloor or at
// twice of what is in use, whichever is more. GOGC is the growth in percent of what
// is in use and of the roots.
func floorPercent(live, roots uint64) int {
	if live >= heapFloor {
		return 100
	}
	return int(max(100, (heapFloor-live)*100/max(1<<20, live+roots))) //nolint:gosec // G115: 2400 at most.
}

// collectWithin is how soon the heap is collected again after more than heapFloor
// was in use. A burst of calls may need ten times as much. Afterwards the heap grows
// slowly, and the runtime would collect it only after two minutes. A sync.Pool frees
// its objects in the second collection.
const collectWithin = 15 * time.Second

// giveMemoryBack collects the heap soon after a burst.
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

// after starts the wait for another collection when one found much in use.
func (c *collectAgain) after(live uint64) {
	if c.timer != nil {
		c.timer.Stop()
	}
	if live > heapFloor {
		c.timer = time.AfterFunc(collectWithin, c.collect)
	}
}

// afterEachCollection calls f after each collection, never twice at a time.
func afterEachCollection(f func()) {
	type garbage struct{ _ *garbage }
	runtime.AddCleanup(new(garbage), func(f func()) {
		f()
		afterEachCollection(f)
	}, f)
}
