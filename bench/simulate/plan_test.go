package main

import (
	"math"
	"testing"
)

// TestAMillionUsersByHand computes what docs/scaling.md shows step by step.
func TestAMillionUsersByHand(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	p := planFor(1e6, a, &f)
	for name, is := range map[string][2]float64{
		"GB":                   {p.storedGB, (120*676 + 332 + 0.2*60*0.2*285) / 1000},
		"calls/s":              {p.calls, 1e6 * 0.2 * 60 / 86_400 * 3},
		"streams":              {p.streams, 65_000},
		"cores of primaries":   {p.databaseCores, 2 * (333.33*37e-6 + 83.33*880e-6 + 2*72.22*19e-6 + 50_000*1.215e-6)},
		"cores of the service": {p.serviceCores, 2 * (333.33*93e-6 + 83.33*67e-6 + 2*72.22*51e-6 + 65_000*2e-6)},
		"cores of balancers":   {p.balancerCores, 2 * (333.33*72e-6 + 83.33*127e-6 + 2*72.22*72e-6)},
	} {
		if math.Abs(is[0]-is[1]) > 0.001*is[1] {
			t.Errorf("%s: %v, by hand %v", name, is[0], is[1])
		}
	}
	if p.processes != 16 { // 65,000 / 4,500 is 14.4, and one may be away.
		t.Errorf("%v processes, by hand 16", p.processes)
	}
	a.connections.value = 4096 // As they are unless set. 65,000 / (0.45 * 4096) is 35.3.
	if p := planFor(1e6, a, &f); p.processes != 37 {
		t.Errorf("%v processes with fewer connections than WATCHES, by hand 37", p.processes)
	}
}

// TestMoreUsersNeedNoLess also shows that a cell is never planned beyond its bounds.
func TestMoreUsersNeedNoLess(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	last := planFor(1, a, &f)
	for users := 10.0; users < 1e9; users *= 3 {
		p := planFor(users, a, &f)
		if p.storedGB < last.storedGB || p.cells < last.cells || p.processes < last.processes || p.calls < last.calls {
			t.Errorf("%v users need less than %v: %+v, %+v", users, last.users, p, last)
		}
		if p.storedGB/p.cells > a.databaseGB.value || p.databaseCores/p.cells > a.databaseCores.value || p.streams/p.processes > a.room.value*min(a.watches.value, a.connections.value) {
			t.Errorf("%v users: a cell is too full: %+v", users, p)
		}
		last = p
	}
}

func TestNumbersAreShownInThreeDigits(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{0: "0", 0.0012345: "0.00123", 0.5: "0.500", 1.2345: "1.23", 20: "20.0", 999: "999", 1234: "1,230", 1_234_567: "1,230,000"} {
		if got := number(x); got != want {
			t.Errorf("%v is shown as %s, want %s", x, got, want)
		}
	}
}
