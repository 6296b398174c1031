package database

import (
	"testing"
	"time"
)

func TestATimelineIsBehindLaterOnesOfItsCluster(t *testing.T) {
	t.Parallel()
	a := func(number uint32) timeline { return timeline{"a", number} }
	var f fence
	if f.isBehind(a(1)) || f.see(a(3)) || f.see(a(3)) {
		t.Error("a first timeline is behind, or later than none")
	}
	if !f.isBehind(a(2)) || f.see(a(2)) || f.seen() != a(3) {
		t.Error("an earlier timeline is not behind")
	}
	for _, other := range []timeline{{}, {"b", 1}} {
		if f.isBehind(other) || f.see(other) || f.seen() != a(3) {
			t.Errorf("%v is behind another cluster's, or later", other)
		}
	}
	if !f.see(a(4)) || !f.isBehind(a(3)) {
		t.Error("a later timeline is not seen")
	}
	if !f.accept(timeline{}, time.Now()) || f.seen() != a(4) {
		t.Error("a primary that doesn't tell has undone the fence")
	}
	if !f.accept(timeline{"b", 1}, time.Now()) || f.isBehind(a(1)) {
		t.Error("another cluster is not accepted, or the one before is behind still")
	}
}

func TestAFormerPrimaryIsRefusedForAMinute(t *testing.T) {
	t.Parallel()
	began := time.Unix(1e9, 0)
	var f fence
	accepts := func(number uint32, after time.Duration, want bool) {
		t.Helper()
		if got := f.accept(timeline{"a", number}, began.Add(after)); got != want {
			t.Errorf("timeline %d is accepted after %v: %t, want %t", number, after, got, want)
		}
	}
	accepts(2, 0, true)
	accepts(1, 0, false)
	accepts(1, 20*time.Second, false)
	accepts(1, fenceTime-1, false)
	accepts(1, fenceTime, true)

	// A success, and a later timeline, begin the minute again.
	f.see(timeline{"a", 2})
	accepts(1, time.Hour, false)
	accepts(2, time.Hour, true)
	accepts(1, 2*time.Hour, false)
	f.see(timeline{"a", 3})
	accepts(2, 3*time.Hour, false)
	accepts(2, 3*time.Hour+fenceTime, true)
}
