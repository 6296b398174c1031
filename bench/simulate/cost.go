package main

// units are what so many users take of each thing that has a price, by the plan.
type units struct {
	serviceCores, databaseCores, balancerCores float64
	processGB, cacheGB, balancerGB             float64 // Of memory.
	diskGB, archiveGB                          float64
}

// processGB is the memory of a process under load without streams: "most memory" of
// docs/performance.md, 88 MiB for updates.
const processGB = 0.1

// unitsOf returns what a plan takes: each standby can take over, and each balancer is large
// enough for all. The archive keeps one copy of each database, and the WAL since.
func unitsOf(p plan, a *assumptions) units {
	return units{
		serviceCores:  p.serviceCores,
		databaseCores: p.databaseCores * a.copies.value,
		balancerCores: p.balancerCores * a.balancers.value,
		processGB:     p.streamGB + p.processes*processGB,
		// The todos of those who use the service on a day.
		cacheGB:    a.active.value * p.storedGB * a.copies.value,
		balancerGB: p.balancerGB * a.balancers.value,
		diskGB:     p.storedGB * a.copies.value,
		archiveGB:  p.storedGB + p.walImagesGB*a.backupDays.value,
	}
}

func (u units) cores() float64  { return u.serviceCores + u.databaseCores + u.balancerCores }
func (u units) memory() float64 { return u.processGB + u.cacheGB + u.balancerGB }

// price returns what they cost in a month.
func (u units) price(a *assumptions) float64 {
	return u.cores()*a.priceCore.value + u.memory()*a.priceMemory.value + u.diskGB*a.priceDisk.value + u.archiveGB*a.priceArchive.value
}

// costTable shows what a million of so many users take, and cost.
func costTable(a *assumptions, f *figures) *table {
	t := &table{heading: "What a million of them take and cost", columns: []string{"for each million of"}}
	var all []units
	var millions []float64
	for _, users := range sizes() {
		t.columns = append(t.columns, grouped(int64(users)))
		all = append(all, unitsOf(planFor(users, a, f), a))
		millions = append(millions, users/mega)
	}
	row := func(name string, amount func(units) float64) {
		cells := []string{name}
		for i, u := range all {
			cells = append(cells, number(amount(u)/millions[i]))
		}
		t.add(cells...)
	}
	row("cores of the service", func(u units) float64 { return u.serviceCores })
	row("cores of the databases, with standbys", func(u units) float64 { return u.databaseCores })
	row("cores of the balancers", func(u units) float64 { return u.balancerCores })
	row("cores in all", units.cores)
	row("GB of memory of the processes, with streams", func(u units) float64 { return u.processGB })
	row("GB of memory of the databases", func(u units) float64 { return u.cacheGB })
	row("GB of memory of the balancers", func(u units) float64 { return u.balancerGB })
	row("GB of memory in all", units.memory)
	row("GB on disk", func(u units) float64 { return u.diskGB })
	row("GB in the archive", func(u units) float64 { return u.archiveGB })
	row("cost of a month: cores", func(u units) float64 { return u.cores() * a.priceCore.value })
	row("cost of a month: memory", func(u units) float64 { return u.memory() * a.priceMemory.value })
	row("cost of a month: disk", func(u units) float64 { return u.diskGB * a.priceDisk.value })
	row("cost of a month: archive", func(u units) float64 { return u.archiveGB * a.priceArchive.value })
	row("cost of a month: in all", func(u units) float64 { return u.price(a) })
	return t
}
