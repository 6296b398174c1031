package main

import (
	"math"
	"slices"
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
	const users, skew = 300_000, 0.5 // So few of so unlike users as usual are not normal yet.
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

// TestNoCellIsSlowerThanTheFullest shows that what the table's columns have in common is not
// chance: the calls of all cells are no slower than those of the fullest, and no faster than
// those of the emptiest.
func TestNoCellIsSlowerThanTheFullest(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	loads := make([]float64, 30)
	for i := range loads {
		loads[i] = 0.84 + float64(i)/250
	}
	for seed := range uint64(5) {
		times := callsOfCells(seed, a, &f, 0.9, loads, 5000)
		for _, part := range []float64{0.5, 0.9, tail, 1} {
			if all, fullest, mean := times.all.quantile(part), times.fullest.quantile(part), times.mean.quantile(part); all > fullest || mean > fullest || mean == 0 {
				t.Errorf("seed %d, quantile %v: %v of all cells, %v of the mean one, %v of the fullest", seed, part, all, mean, fullest)
			}
		}
	}
}

func TestSomeCellsStandForAll(t *testing.T) {
	t.Parallel()
	for cells, want := range map[int][]float64{3: {0, 1, 2}, 4: {0, 1, 2, 3}, 8: {1, 3, 5, 7}, 100: {12, 37, 62, 87}} {
		sorted := make([]float64, cells)
		for i := range sorted {
			sorted[i] = float64(i)
		}
		if got := spread(sorted, 4); !slices.Equal(got, want) {
			t.Errorf("of %d cells %v are run, want %v", cells, got, want)
		}
	}
}
