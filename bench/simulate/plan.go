package main

import (
	"math"
	"time"
)

// plan is what so many users need, by arithmetic.
type plan struct {
	users                          float64
	todos, storedGB                float64
	calls, writesPerSecond         float64 // In the busiest hour, a second.
	serviceCores, databaseCores    float64 // Of which the planned part is busy.
	accounts, streams              float64
	streamGB                       float64
	balancerCores, balancerGB      float64
	processes, connections         float64
	walMB                          float64 // A second, in the busiest hour, with images of pages.
	walRecordsGB, walImagesGB      float64 // A day.
	writesPerDay                   float64
	cells, databases, slotsPerCell float64
}

const (
	giga     = 1e9
	mega     = 1e6
	thousand = 1000
)

// sizes are how many users the tables are for.
func sizes() []float64 { return []float64{1e4, 1e5, 1e6, 1e7, 1e8} }

// planFor computes it. The least of everything is what one cell needs: two processes, and
// one database with its standbys.
func planFor(users float64, a *assumptions, f *figures) plan {
	p := plan{users: users}
	perDay := users * a.active.value * a.calls.value
	p.writesPerDay = perDay * a.writes.value
	p.todos = users * (a.todos.value + a.trash.value)
	p.storedGB = (p.todos*f.todoBytes.value + users*f.accountBytes.value + p.writesPerDay*f.requestBytes.value) / giga

	p.calls = perDay / day.Seconds() * a.peak.value
	p.writesPerSecond = p.calls * a.writes.value
	reads := p.calls - p.writesPerSecond
	p.accounts = users * a.online.value
	p.streams = p.accounts * a.devices.value
	// A stream ends after a quarter of an hour. Its client syncs, and opens another one.
	renewals := p.streams / streamLength.Seconds()
	p.serviceCores = (reads*busy(f.serviceRead) + p.writesPerSecond*busy(f.serviceWrite) +
		2*renewals*busy(f.serviceSync) + p.streams*busy(f.streamCPU)) / a.load.value
	p.databaseCores = (reads*busy(f.databaseRead) + p.writesPerSecond*busy(f.databaseWrite) +
		2*renewals*busy(f.databaseSync) + p.accounts*busy(f.pollOfThousand)/thousand) / a.load.value

	p.streamGB = p.streams * f.streamBytes.value / giga
	p.balancerCores = ((reads+2*renewals)*busy(f.balancerRead) + p.writesPerSecond*busy(f.balancerWrite)) / a.load.value
	p.balancerGB = p.streams * f.balancerStream.value / giga
	p.cells = math.Ceil(math.Max(p.storedGB/a.databaseGB.value, p.databaseCores/a.databaseCores.value))
	p.cells = math.Max(p.cells, 1)
	p.databases = p.cells * a.copies.value
	p.slotsPerCell = slots / p.cells
	// A core for each, room for the streams of others, and one of them may be away.
	p.processes = p.cells * math.Max(2, math.Ceil(math.Max(p.streams/p.cells/(a.room.value*a.streamsOfProcess()), p.serviceCores/p.cells))+1)
	p.connections = p.processes / p.cells * a.conns.value
	p.walMB = p.writesPerSecond * f.walImages.value / mega
	p.walRecordsGB = p.writesPerDay * f.walRecords.value / giga
	p.walImagesGB = p.writesPerDay * f.walImages.value / giga
	return p
}

// busy returns the seconds of a figure in microseconds.
func busy(f figure) float64 { return f.time().Seconds() }

// freezeAfter is after how many transactions PostgreSQL reads all of a table, to freeze its
// rows: autovacuum_freeze_max_age.
const freezeAfter = 200e6

// planTable shows plans beside each other.
func planTable(a *assumptions, f *figures) *table {
	t := &table{heading: "What so many users need", columns: []string{"users"}}
	var plans []plan
	for _, users := range sizes() {
		t.columns = append(t.columns, grouped(int64(users)))
		plans = append(plans, planFor(users, a, f))
	}
	row := func(name string, cell func(plan) string) {
		cells := []string{name}
		for _, p := range plans {
			cells = append(cells, cell(p))
		}
		t.add(cells...)
	}
	row("todos, with the trash", func(p plan) string { return number(p.todos) })
	row("GB stored, of one copy", func(p plan) string { return number(p.storedGB) })
	row("calls/s in the busiest hour", func(p plan) string { return number(p.calls) })
	row("of which writes", func(p plan) string { return number(p.writesPerSecond) })
	row("cores of the service", func(p plan) string { return number(p.serviceCores) })
	row("cores of the primaries", func(p plan) string { return number(p.databaseCores) })
	row("streams", func(p plan) string { return number(p.streams) })
	row("GB of memory for streams", func(p plan) string { return number(p.streamGB) })
	row("cores of the balancers, without TLS", func(p plan) string { return number(p.balancerCores) })
	row("GB of memory of the balancers, for streams", func(p plan) string { return number(p.balancerGB) })
	row("WAL, MB/s in the busiest hour, soon after a checkpoint", func(p plan) string { return number(p.walMB) })
	row("WAL, GB a day, without images", func(p plan) string { return number(p.walRecordsGB) })
	row("WAL, GB a day, if checkpoints are frequent", func(p plan) string { return number(p.walImagesGB) })
	row("cells", func(p plan) string { return grouped(int64(p.cells)) })
	row("databases, with standbys", func(p plan) string { return grouped(int64(p.databases)) })
	row("processes", func(p plan) string { return grouped(int64(p.processes)) })
	row("connections to each primary", func(p plan) string { return grouped(int64(p.connections)) })
	row("slots of a cell", func(p plan) string { return count(p.slotsPerCell) })
	row("days of one primary until a vacuum against wraparound", func(p plan) string {
		return number(freezeAfter / (p.writesPerDay / p.cells))
	})
	row("days until a fifth of a primary's todos has changed", func(p plan) string {
		const autovacuumScaleFactor = 0.2
		return number(autovacuumScaleFactor * p.todos / p.writesPerDay)
	})
	row("minutes to copy a primary", func(p plan) string {
		return number(p.storedGB / p.cells * thousand / a.copySpeed.value / time.Minute.Seconds())
	})
	return t
}
