package database

import (
	"testing"
	"time"
)

func TestAFormerPrimaryIsRefusedForAMinute(t *testing.T) {
	t.Parallel()
	began := time.Unix(1e9, 0)
	type step struct {
		after       time.Duration
		at          timeline
		refused     bool
		isOvertaken bool
	}
	a := func(number uint32) timeline { return timeline{"a", number} }
	for name, steps := range map[string][]step{
		"an earlier timeline": {{0, a(1), false, false}, {0, a(3), false, true}, {0, a(2), true, false}, {0, a(3), false, false}, {0, a(4), false, true}},
		"a backup that was restored": {
			{0, a(3), false, false},
			{0, a(2), true, false},
			{20 * time.Second, a(2), true, false},
			{45 * time.Second, a(2), true, false},
			{61 * time.Second, a(2), false, false},
			{62 * time.Second, a(1), true, false},
			{62 * time.Second, a(3), false, true},
		},
		"one that is met hours apart": {{0, a(3), false, false}, {0, a(2), true, false}, {time.Hour, a(2), true, false}, {2 * time.Hour, a(2), true, false}},
		"one met again after its successor": {
			{0, a(3), false, false},
			{0, a(2), true, false},
			{25 * time.Second, a(3), false, false},
			{50 * time.Second, a(2), true, false},
			{75 * time.Second, a(2), true, false},
		},
		"another cluster":         {{0, a(3), false, false}, {0, timeline{"b", 1}, false, false}, {0, a(1), false, false}},
		"one that doesn't tell":   {{0, a(3), false, false}, {0, timeline{}, false, false}, {0, a(2), true, false}},
		"one that has never told": {{0, timeline{}, false, false}, {0, timeline{}, false, false}, {0, a(2), false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f fence
			for i, s := range steps {
				isOvertaken, err := f.judge(s.at, began.Add(s.after))
				if (err != nil) != s.refused || isOvertaken != s.isOvertaken {
					t.Errorf("step %d: %v, %v, want refused %v, overtaken %v", i, err, isOvertaken, s.refused, s.isOvertaken)
				}
			}
		})
	}
}
