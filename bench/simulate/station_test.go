package main

import (
	"math"
	"testing"
	"time"
)

// waits runs a station with calls that come at random for a long time, and returns how long
// a job waits in the mean, by the time that it takes.
func waits(servers int, load float64, work func(*simulation, time.Duration) time.Duration) float64 {
	const mean, jobs = time.Second, 200_000
	sim := newSimulation(1, "queue")
	queue := &station{sim: sim, servers: servers}
	var waited time.Duration
	between := time.Duration(float64(mean) / load / float64(servers))
	done := 0
	var next func()
	next = func() {
		came, takes := sim.now, work(sim, mean)
		queue.serve(takes, func(bool) {
			waited += sim.now - came - takes
			done++
		})
		if done < jobs {
			sim.after(sim.exponential(between), next)
		}
	}
	next()
	sim.run(math.MaxInt64)
	return float64(waited) / float64(done) / float64(mean)
}

// TestAQueueIsAsLongAsTheFormulasSay compares with queues that have a formula: M/M/1, M/D/1
// (Pollaczek and Khinchine) and M/M/c (Erlang C).
func TestAQueueIsAsLongAsTheFormulasSay(t *testing.T) {
	t.Parallel()
	exponential := (*simulation).exponential
	constant := func(_ *simulation, mean time.Duration) time.Duration { return mean }
	for name, test := range map[string]struct {
		servers int
		load    float64
		work    func(*simulation, time.Duration) time.Duration
		want    float64
	}{
		"M/M/1 at 50 %": {1, 0.5, exponential, 0.5 / (1 - 0.5)},
		"M/M/1 at 80 %": {1, 0.8, exponential, 0.8 / (1 - 0.8)},
		"M/D/1 at 80 %": {1, 0.8, constant, 0.8 / (2 * (1 - 0.8))},
		"M/M/4 at 80 %": {4, 0.8, exponential, erlangC(4, 0.8) / (4 * (1 - 0.8))},
	} {
		if got := waits(test.servers, test.load, test.work); math.Abs(got-test.want) > 0.05*test.want {
			t.Errorf("%s: a job waits for %.3f of its time, the formula says %.3f", name, got, test.want)
		}
	}
}

// TestAQueueWithoutEventsServesAsAStationDoes gives both the same jobs.
func TestAQueueWithoutEventsServesAsAStationDoes(t *testing.T) {
	t.Parallel()
	const jobs, mean = 5000, time.Second
	for _, servers := range []int{1, 2, 7, 16} {
		sim := newSimulation(1, "jobs")
		station, queue := &station{sim: sim, servers: servers}, newQueue(servers)
		var came time.Duration
		served := 0
		for range jobs {
			after, work := sim.exponential(mean/time.Duration(servers)), sim.exponential(mean*9/10)
			want := queue.serve(after, work)
			came += after
			sim.after(came, func() {
				began := sim.now
				station.serve(work, func(bool) {
					served++
					if took := sim.now - began; took != want {
						t.Errorf("%d servers: a job takes %v at a station, and %v in a queue", servers, took, want)
					}
				})
			})
		}
		sim.run(math.MaxInt64)
		if served != jobs {
			t.Errorf("%d servers: %d jobs are served", servers, served)
		}
	}
}

// erlangC returns the chance that a job has to wait.
func erlangC(servers int, load float64) float64 {
	offered, term, sum := load*float64(servers), 1.0, 0.0
	for n := range servers {
		sum += term
		term *= offered / float64(n+1)
	}
	term /= 1 - load
	return term / (sum + term)
}

// TestAStationServesEachJobOnceAndNoneBeyondItsBound tries many loads, and a time in which
// the station is down.
func TestAStationServesEachJobOnceAndNoneBeyondItsBound(t *testing.T) {
	t.Parallel()
	const mean, longest, jobs = 10 * time.Millisecond, time.Second, 3000
	for seed := range uint64(50) {
		sim := newSimulation(seed, "property")
		servers := 1 + sim.chance.IntN(8)
		queue := &station{sim: sim, servers: servers, meanWork: mean, maxWait: longest}
		between := time.Duration(sim.lognormal(1) * float64(mean) / float64(servers))
		told, served := make([]int, jobs), 0
		for i := range jobs {
			sim.after(sim.uniform(jobs*between), func() {
				came := sim.now
				queue.serve(mean, func(isServed bool) {
					told[i]++
					if isServed {
						served++
					}
					if waited := sim.now - came - mean; waited > longest+mean {
						t.Errorf("seed %d: a job waits for %v", seed, waited)
					}
				})
			})
		}
		sim.after(jobs*between/3, queue.stop)
		sim.after(jobs*between/2, queue.start)
		sim.run(math.MaxInt64)
		for i, n := range told {
			if n != 1 {
				t.Fatalf("seed %d: job %d is told %d times", seed, i, n)
			}
		}
		if served+queue.refused != jobs || served == 0 || queue.refused == 0 || queue.busy != 0 || queue.queued() != 0 {
			t.Errorf("seed %d: %d served, %d refused, %d busy, %d queued", seed, served, queue.refused, queue.busy, queue.queued())
		}
	}
}

func TestEventsHappenInOrder(t *testing.T) {
	t.Parallel()
	const events, moments = 10_000, 100
	sim := newSimulation(1, "events")
	var lastAt time.Duration
	last, happened := make(map[time.Duration]int), 0
	for i := range events {
		at := time.Duration(sim.chance.IntN(moments))
		sim.after(at, func() {
			if sim.now != at || at < lastAt || last[at] > i {
				t.Errorf("event %d for %d happens at %d, after %d", i, at, sim.now, lastAt)
			}
			lastAt, last[at] = at, i
			happened++
		})
	}
	sim.run(moments)
	if happened != events {
		t.Errorf("%d of %d events happen", happened, events)
	}
}
