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
	f.accept(timeline{})
	if f.seen() != a(4) {
		t.Error("a primary that doesn't tell has undone the fence")
	}
	f.accept(timeline{"b", 1})
	if f.isBehind(a(1)) {
		t.Error("another cluster is accepted, and the one before is behind still")
	}
}

func TestAFormerPrimaryIsRefusedForAMinute(t *testing.T) {
	t.Parallel()
	began := time.Unix(1e9, 0)
	var f fence
	for _, after := range []time.Duration{0, 20 * time.Second, fenceTime - 1} {
		if f.refuse(began.Add(after)) {
			t.Errorf("accepted after %v", after)
		}
	}
	if !f.refuse(began.Add(time.Hour)) {
		t.Error("refused after an hour")
	}
	f.accept(timeline{"a", 1})
	if f.refuse(began.Add(2 * time.Hour)) {
		t.Error("a success does not begin the minute again")
	}
}
