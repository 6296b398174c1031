package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// heapFloor is the heap size below which no garbage is collected. Requests keep little
// in use, so Go's default, a collection at twice that, would come many times a second.
// Against half of it, the floor makes gets and creates at 100 callers 10 % and lists 16 to
// 20 % faster, for 26 MiB more (docs/performance.md).
const heapFloor = 48 << 20

// keepHeapFloor sets GOGC after each collection so that the next one comes at
// heapFloor. Above heapFloor, Go's default applies. GOMEMLIMIT always applies.
func keepHeapFloor() {
	current := 100
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	afterEachCollection(func() {
		metrics.Read(samples)
		live, roots := samples[0].Value.Uint64(), samples[1].Value.Uint64()+samples[2].Value.Uint64()
		// Setting GOGC stops the world for a moment; small changes are not worth it.
		if percent := floorPercent(live, roots); math.Abs(float64(percent-current)) > float64(current)/10 {
			debug.SetGCPercent(percent)
			current = percent
		}
	})
}

// floorPercent returns the GOGC at which the heap is collected at heapFloor or at twice
// the live heap, whichever is more. GOGC is the growth in percent of the live heap and
// the roots.
func floorPercent(live, roots uint64) int {
	if live >= heapFloor {
		return 100
	}
	return int(max(100, (heapFloor-live)*100/max(1<<20, live+roots))) //nolint:gosec // G115: 4800 at most.
}

// collectWithin is the delay of another collection after one with a live heap above
// heapFloor. A burst of calls may use ten times heapFloor. Afterwards the heap grows
// slowly, and the runtime would collect it only after two minutes. The second
// collection also frees the objects of a sync.Pool.
const collectWithin = 15 * time.Second

// giveMemoryBack collects the heap soon after a burst of calls.
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

// after schedules another collection when one left a live heap above heapFloor.
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
