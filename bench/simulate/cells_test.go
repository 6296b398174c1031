package main

import (
	"math"
	"testing"
)

// TestASlotIsWhatTheBalancerComputes has the check value of CRC-32 (IEEE): 0xCBF43926.
func TestASlotIsWhatTheBalancerComputes(t *testing.T) {
	t.Parallel()
	if got := slotOf([]byte("123456789")); got != 0x926 {
		t.Errorf("slot %#x, want 0x926", got)
	}
}

// TestTheSumOfASlotsUsersIsDrawnAsUsersMakeIt compares the slots of users that are each
// computed with those that are not.
func TestTheSumOfASlotsUsersIsDrawnAsUsersMakeIt(t *testing.T) {
	t.Parallel()
	const users, skew = 1_000_000, 0.5 // So few of so unlike users as usual are not normal yet.
	var deviations [2]float64
	for i, exact := range []int{users, 0} {
		var total, squares float64
		loads := slotLoads(newSimulation(1, "slots"), users, exact, skew)
		for _, load := range loads {
			total += load
		}
		mean := total / slots
		for _, load := range loads {
			squares += (load - mean) * (load - mean)
		}
		if deviations[i] = math.Sqrt(squares/slots) / mean; math.Abs(total/users-1) > 0.01 {
			t.Errorf("%d users make the calls of %.0f", users, total)
		}
	}
	if ratio := deviations[0] / deviations[1]; ratio < 0.95 || ratio > 1.05 {
		t.Errorf("deviations of %v", deviations)
	}
}

func TestCellsShareAllSlots(t *testing.T) {
	t.Parallel()
	even := make([]float64, slots)
	for i := range even {
		even[i] = 1
	}
	for _, cells := range []int{1, 2, 3, 7, 100, slots} {
		loads := cellLoads(even, cells)
		var sum float64
		for _, load := range loads {
			sum += load
			if most := math.Ceil(slots/float64(cells)) * float64(cells) / slots; load > most+1e-9 || load < most-float64(cells)/slots-1e-9 {
				t.Errorf("of %d cells one has %v", cells, load)
			}
		}
		if math.Abs(sum-float64(cells)) > 1e-6 {
			t.Errorf("%d cells have %v together", cells, sum)
		}
	}
}
