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
	// callsRun is how many calls of each are, and so many times those of a cell alone: what
	// chance adds to the slowest of them is a few percent then.
	callsRun, alone = 50_000, 5
	// ignored is the part of them that comes while the queue is shorter than later.
	ignored = 0.1
)

// callTimes runs calls on the database of a cell with a load, and adds how long they took,
// each with a weight.
func callTimes(sim *simulation, a *assumptions, f *figures, load, weight float64, calls int, times *sample) {
	database := &station{sim: sim, servers: int(a.databaseCores.value)}
	mean := a.writes.value*busy(f.databaseWrite) + (1-a.writes.value)*busy(f.databaseRead)
	between := time.Duration(mean / (load * a.databaseCores.value) * float64(time.Second))
	n := 0
	var next func()
	next = func() {
		work := f.databaseRead.time()
		if sim.chance.Float64() < a.writes.value {
			work = f.databaseWrite.time()
		}
		began, isCounted := sim.now, n >= int(ignored*float64(calls))
		database.serve(sim.exponential(work), func(bool) {
			if isCounted {
				times.add(sim.now-began, weight)
			}
		})
		if n++; n < calls {
			sim.after(sim.exponential(between), next)
		}
	}
	next()
	sim.run(math.MaxInt64)
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
		var all, mean, fullest sample
		for _, part := range spread(loads, cellsRun) {
			callTimes(sim, a, f, part, part, callsRun, &all)
		}
		// By the same chance, so that they differ by their load alone.
		callTimes(newSimulation(seed, "calls"), a, f, row.load, 1, alone*callsRun, &mean)
		callTimes(newSimulation(seed, "calls"), a, f, loads[len(loads)-1], 1, alone*callsRun, &fullest)
		t.add(
			grouped(int64(row.cells))+", "+grouped(int64(row.users)), percent(row.load), percent(loads[0]), percent(loads[len(loads)-1]),
			tenths(mean.quantile(tail)), tenths(fullest.quantile(tail)), tenths(all.quantile(tail)), tenths(all.quantileOfMost(tail, row.cells)),
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

// spread returns at most so many of sorted numbers, evenly, with the first and the last.
func spread(sorted []float64, most int) []float64 {
	if len(sorted) <= most {
		return sorted
	}
	picked := make([]float64, most)
	for i := range picked {
		picked[i] = sorted[i*(len(sorted)-1)/(most-1)]
	}
	return picked
}
