package main

import (
	"math"
	"testing"
	"time"
)

// TestThePausesAreThePages compares with web/app/src/sync/backoff.ts: pauses from 0.5 to 10
// seconds that double, of which chance takes up to half, and no less than Retry-After.
func TestThePausesAreThePages(t *testing.T) {
	t.Parallel()
	sim := newSimulation(1, "pauses")
	for attempt, longest := range []time.Duration{
		time.Second / 2, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second,
	} {
		for range 100 {
			if pause := growing().pause(sim, attempt, 0); pause < longest/2 || pause > longest {
				t.Errorf("attempt %d comes after %v, want up to %v", attempt, pause, longest)
			}
		}
	}
	if pause := growing().pause(sim, 0, 3*time.Second); pause != 3*time.Second {
		t.Errorf("a pause of %v, where the service asks for 3 s", pause)
	}
}

func TestAPageCostsWhatListsOfItsSizeDo(t *testing.T) {
	t.Parallel()
	f := measured()
	for todos, want := range map[int]time.Duration{20: f.serviceRead.time(), 100: f.servicePage.time(), 60: (f.serviceRead.time() + f.servicePage.time()) / 2} {
		if got := f.pageWork(todos, serviceSide); got != want {
			t.Errorf("a page of %d takes the service %v, want %v", todos, got, want)
		}
	}
}

// TestAfterAFailoverAllCallsAreServedAndAllStreamsHaveNewCopies also counts that nothing is
// served while there is no primary.
func TestAfterAFailoverAllCallsAreServedAndAllStreamsHaveNewCopies(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	for _, p := range []policy{growing(), obedient(), hasty()} {
		const users, outage = 500_000, 5 * time.Second
		c := newCell(newSimulation(1, "failover"), p, users, outage, a, &f)
		var want time.Duration
		for _, process := range c.process {
			for _, r := range process.readers { // 120 todos, 50 in a page.
				if r.left != 120 {
					t.Fatalf("%d todos", r.left)
				}
				want += 2*f.pageWork(50, serviceSide) + f.pageWork(20, serviceSide)
			}
		}
		c.run()
		worked := time.Duration(0)
		for _, process := range c.process {
			worked += process.cpu.worked
			if process.reads > 0 || len(process.readers) > 0 {
				t.Errorf("%s: %d streams read and %d wait at the end", p.name, process.reads, len(process.readers))
			}
		}
		if worked != want || want == 0 {
			t.Errorf("%s: all pages took %v, want %v", p.name, worked, want)
		}
		if c.lastWaiting < c.backAt || c.lastWaiting > c.backAt+longestPause+roundTrip+time.Second {
			t.Errorf("%s: the last of the calls that waited is served at %v, the database is back at %v", p.name, c.lastWaiting, c.backAt)
		}
		mean, _ := c.calls.perSecond(0, c.outageAt)
		if plan := planFor(users, a, &f); mean < 0.8*plan.calls/c.scale || mean > 1.2*plan.calls/c.scale {
			t.Errorf("%s: %v calls a second, the plan says %v", p.name, mean, plan.calls/c.scale)
		}
	}
}

// TestThePartOfACellIsOneInAllOfIt also shows what the simulated database can compute, by the
// planned one.
func TestThePartOfACellIsOneInAllOfIt(t *testing.T) {
	t.Parallel()
	f := measured()
	for _, cores := range []float64{0.5, 1, 2, 3, 6, 15, 16, 17, 64} {
		a := usualAssumptions()
		a.databaseCores.value = cores
		const users = 1_000_000
		plan := planFor(users, a, &f)
		c := newCell(newSimulation(1, "failover"), growing(), users, time.Second, a, &f)
		streams := 0
		for _, p := range c.process {
			streams += len(p.readers)
		}
		for name, is := range map[string][2]float64{
			"cores": {float64(c.database.servers) * c.scale, cores}, "streams": {float64(streams) * c.scale, plan.streams},
		} {
			if math.Abs(is[0]-is[1]) > 0.001*is[1] {
				t.Errorf("of %v cores: the simulated part has %v %s, the cell has %v", cores, is[0], name, is[1])
			}
		}
	}
}
