package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
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

// afterEachCollection calls a function after each collection, one call at a time.
func afterEachCollection(f func()) {
	type garbage struct{ _ *garbage }
	runtime.AddCleanup(new(garbage), func(f func()) {
		f()
		afterEachCollection(f)
	}, f)
}
