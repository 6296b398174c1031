package main

import (
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// slotOf returns the slot of a user, as HAProxy computes it (deploy/haproxy/cells.cfg) and
// `todod list-users`.
func slotOf(sub []byte) int { return int(crc32.ChecksumIEEE(sub) % slots) }

// exactUsers is up to how many users each user's slot is computed.
const exactUsers = 1_000_000

// slotLoads returns the calls of each slot, the mean user's being 1: users differ.
//
// Of more than exactUsers, the sum of a slot's users is drawn as a normal number, which such a
// sum is. Their number is random as well, so its variance is that of a compound Poisson sum.
func slotLoads(s *simulation, users, exact int, skew float64) []float64 {
	loads := make([]float64, slots)
	if users > exact {
		mean := float64(users) / slots
		squares := math.Exp(skew * skew) // The mean of a user's square.
		for i := range loads {
			loads[i] = max(0, mean+math.Sqrt(mean*squares)*s.chance.NormFloat64())
		}
		return loads
	}
	sub := make([]byte, 32) // As Better Auth's ids.
	for range users {
		writeSub(s.chance, sub)
		loads[slotOf(sub)] += s.lognormal(skew)
	}
	return loads
}

// writeSub writes letters and digits at random.
func writeSub(chance *rand.Rand, sub []byte) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for i := range sub {
		sub[i] = letters[chance.IntN(len(letters))]
	}
}

// cellLoads returns the load of each cell, that of the mean cell being 1. Slots are dealt out
// as evenly as they can be, one after the other.
func cellLoads(slotLoads []float64, cells int) []float64 {
	loads := make([]float64, cells)
	var total float64
	for slot, load := range slotLoads {
		loads[slot*cells/len(slotLoads)] += load
		total += load
	}
	for i := range loads {
		loads[i] *= float64(cells) / total
	}
	return loads
}

const (
	// cellsRun is how many cells are simulated at most, of evenly spread loads.
	cellsRun = 10
	// callsRun is how many calls of each are.
	callsRun = 200_000
	// ignored is the part of them that comes while the queue is shorter than later.
	ignored = 0.1
)

// callTimes runs calls on the database of a cell with a load, and adds how long they took,
// each with a weight. Of two cells with the same chance, no call takes longer in the one
// with less load, since calls come further apart and are the same.
func callTimes(sim *simulation, a *assumptions, f *figures, load, weight float64, calls int, times *sample) {
	database := newQueue(int(a.databaseCores.value))
	mean := a.writes.value*busy(f.databaseWrite) + (1-a.writes.value)*busy(f.databaseRead)
	between := time.Duration(mean / (load * a.databaseCores.value) * float64(time.Second))
	for n := range calls {
		work := f.databaseRead.time()
		if sim.chance.Float64() < a.writes.value {
			work = f.databaseWrite.time()
		}
		took := database.serve(sim.exponential(between), sim.exponential(work))
		if n >= int(ignored*float64(calls)) {
			times.add(took, weight)
		}
	}
}

// tails are the times of calls to cells: to the mean one, to the fullest, and to all.
type tails struct{ mean, fullest, all sample }

// callsOfCells runs calls on cells with loads, the least first. All have the same chance, so
// that they differ by their loads alone.
func callsOfCells(seed uint64, a *assumptions, f *figures, mean float64, loads []float64, calls int) *tails {
	t := new(tails)
	run := func(load, weight float64, times *sample) {
		callTimes(newSimulation(seed, "calls"), a, f, load, weight, calls, times)
	}
	run(mean, 1, &t.mean)
	run(loads[len(loads)-1], 1, &t.fullest)
	for _, load := range spread(loads, cellsRun) {
		run(load, load, &t.all)
	}
	return t
}

// cellsTable shows how unequal cells are, and what their users feel.
func cellsTable(seed uint64, a *assumptions, f *figures) *table {
	t := &table{heading: "Tail latency over cells", columns: []string{
		"cells and users", "mean load", "least", "most", "p99 of the mean cell, ms", "of the fullest cell", "of all calls", "if a call asked all cells",
	}}
	for _, row := range []struct {
		cells, users int
		load         float64
	}{
		{100, 100_000_000, a.load.value},
		{10, 10_000_000, crowded},
		{100, 1_000_000, crowded},
		{100, 100_000_000, crowded},
	} {
		sim := newSimulation(seed, fmt.Sprint(row.cells, " cells of ", row.users))
		loads := cellLoads(slotLoads(sim, row.users, exactUsers, a.skew.value), row.cells)
		slices.Sort(loads)
		for i := range loads {
			loads[i] *= row.load
		}
		times := callsOfCells(seed, a, f, row.load, loads, callsRun)
		t.add(
			grouped(int64(row.cells))+", "+grouped(int64(row.users)), percent(row.load), percent(loads[0]), percent(loads[len(loads)-1]),
			tenths(times.mean.quantile(tail)), tenths(times.fullest.quantile(tail)), tenths(times.all.quantile(tail)), tenths(times.all.quantileOfMost(tail, row.cells)),
		)
	}
	return t
}

const (
	// tail is the quantile that is shown.
	tail = 0.99
	// crowded is a load above the planned one, which shows what inequality costs.
	crowded = 0.9
)

// spread returns at most so many of sorted numbers: of each of so many equal parts, the one
// in the middle.
func spread(sorted []float64, most int) []float64 {
	if len(sorted) <= most {
		return sorted
	}
	picked := make([]float64, most)
	for i := range picked {
		picked[i] = sorted[(2*i+1)*len(sorted)/(2*most)]
	}
	return picked
}
