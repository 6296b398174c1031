package main

import (
	"math"
	"testing"
)

// TestTheCostOfAMillionUsersByHand computes what docs/scaling.md shows from its table of
// units, with prices of which each shows in a digit of its own.
func TestTheCostOfAMillionUsersByHand(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	a.priceCore.value, a.priceMemory.value, a.priceDisk.value, a.priceArchive.value = 1000, 10, 1, 0.1
	p := planFor(1e6, a, &f)
	u := unitsOf(p, a)
	for name, is := range map[string][2]float64{
		"cores":   {u.cores(), p.serviceCores + 3*p.databaseCores + 2*p.balancerCores},
		"memory":  {u.memory(), p.streamGB + 16*0.1 + 0.2*3*p.storedGB + 2*p.balancerGB},
		"disk":    {u.diskGB, 3 * p.storedGB},
		"archive": {u.archiveGB, p.storedGB + 7*1e6*0.2*60*0.2*13_000/1e9},
		"price":   {u.price(a), 1000*u.cores() + 10*u.memory() + u.diskGB + 0.1*u.archiveGB},
	} {
		if math.Abs(is[0]-is[1]) > 1e-9*is[1] {
			t.Errorf("%s: %v, by hand %v", name, is[0], is[1])
		}
	}
}

// TestAMillionCostsNoMoreWhereThereAreMore also shows that prices are linear: twice the
// prices are twice the cost.
func TestAMillionCostsNoMoreWhereThereAreMore(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	twice := usualAssumptions()
	for _, price := range []*assumption{&twice.priceCore, &twice.priceMemory, &twice.priceDisk, &twice.priceArchive} {
		price.value *= 2
	}
	last := math.Inf(1)
	for _, users := range sizes() {
		u := unitsOf(planFor(users, a, &f), a)
		each := u.price(a) / users
		const rounding = 1.001 // Of processes and cells.
		if each > last*rounding {
			t.Errorf("each of %v users costs %v, and of fewer %v", users, each, last)
		}
		if math.Abs(u.price(twice)-2*u.price(a)) > 1e-9*u.price(twice) {
			t.Errorf("%v users cost %v, and at twice the prices %v", users, u.price(a), u.price(twice))
		}
		last = each
	}
}
