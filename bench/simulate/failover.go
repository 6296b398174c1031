package main

import (
	"math"
	"time"
)

// cell is a database with its processes and its clients, of which one thing after the other
// happens: the primary dies, and after an outage another one takes over.
type cell struct {
	sim      *simulation
	policy   policy
	figures  *figures
	scale    float64 // The whole cell, by what is simulated of it: cores, processes, clients and streams.
	database *station
	process  []*process

	outageAt, backAt time.Duration
	writes           float64 // The part of calls that write.
	calls            rate    // Attempts, with those that are refused.
	lateRefused      int     // Of these, those after the outage.
	late             sample  // How long calls took that were made after it.
	lastWaiting      time.Duration
	lastCopy         time.Duration // When the last stream had read everything anew.
	ended            int           // Streams that could not read for so long that they ended.
}

// process is a process of the service.
type process struct {
	cpu         *station
	connectedAt time.Duration // Again.
	reads       int           // Under way, for streams.
	readers     []*reader     // That wait for their turn.
}

// reader is a stream that reads all todos of its user.
type reader struct {
	left      int  // Todos to read.
	isBegun   bool // It has been told to drop what it had.
	asked     time.Duration
	failingAt time.Duration // Since when reads fail; 0 while they don't.
}

const (
	// before is how long the cell runs undisturbed, and afterwards how long it is looked at.
	before, afterwards = 10 * time.Second, 30 * time.Second
	// simulatedCores is about how many cores of a database are simulated: with more, the
	// course is the same and takes longer.
	simulatedCores = 2
	// maxDialDelay is in internal/database/dial.go, readTimeout and giveUpAfter are in
	// internal/watch/feed.go.
	maxDialDelay = 500 * time.Millisecond
	readTimeout  = 10 * time.Second
	giveUpAfter  = 30 * time.Second
)

// scaleOf returns how many times the simulated part of a cell is the whole one: by whole
// cores, so that the part has neither more nor less of them than of its users.
func scaleOf(cores float64) float64 {
	return cores / math.Ceil(math.Min(simulatedCores, cores))
}

// newCell returns a part of a cell with so many users.
func newCell(sim *simulation, p policy, users float64, outage time.Duration, a *assumptions, f *figures) *cell {
	plan := planFor(users, a, f)
	c := &cell{sim: sim, policy: p, figures: f, scale: scaleOf(a.databaseCores.value), outageAt: before, backAt: before + outage, writes: a.writes.value}
	mean := a.writes.value*busy(f.databaseWrite) + (1-a.writes.value)*busy(f.databaseRead)
	c.database = &station{
		sim: sim, servers: int(math.Round(a.databaseCores.value / c.scale)),
		meanWork: time.Duration(mean * float64(time.Second)), maxWait: acquireTimeout,
	}
	for range max(2, int(plan.processes/c.scale)) {
		c.process = append(c.process, &process{
			cpu: &station{sim: sim, servers: 1}, connectedAt: c.backAt + sim.uniform(maxDialDelay),
		})
	}
	clients := int(plan.accounts / c.scale)
	between := time.Duration(float64(clients) / (plan.calls / c.scale) * float64(time.Second))
	for range clients {
		client := &client{cell: c, process: c.process[sim.chance.IntN(len(c.process))]}
		client.planCall(between)
	}
	todos := int(math.Ceil(a.todos.value + a.trash.value))
	for i := range int(plan.streams / c.scale) {
		p := c.process[i%len(c.process)]
		p.readers = append(p.readers, &reader{left: todos})
	}
	return c
}

// run has the primary die and another one take over.
func (c *cell) run() {
	c.sim.after(c.outageAt, c.database.stop)
	c.sim.after(c.backAt, c.database.start)
	for _, p := range c.process {
		// The first poll that succeeds sees that all accounts have another epoch, and wakes
		// all streams. Polls that fail come less often.
		c.sim.after(p.connectedAt+c.sim.uniform(min(maxPollInterval, c.backAt-c.outageAt)), func() {
			for _, r := range p.readers {
				r.asked = c.sim.now
			}
			c.read(p)
		})
	}
	c.sim.run(c.backAt + afterwards)
}

// client makes a call now and then. One that fails is made again; what its user does
// meanwhile waits in the outbox, or is read with it.
type client struct {
	cell    *cell
	process *process
	isBusy  bool
}

func (c *client) planCall(between time.Duration) {
	c.cell.sim.after(c.cell.sim.exponential(between), func() {
		if !c.isBusy {
			c.isBusy = true
			work := c.cell.figures.databaseRead
			if c.cell.sim.chance.Float64() < c.cell.writes {
				work = c.cell.figures.databaseWrite
			}
			c.attempt(0, work.time())
		}
		c.planCall(between)
	})
}

func (c *client) attempt(n int, work time.Duration) {
	cell, sim := c.cell, c.cell.sim
	began := sim.now
	done := func(isServed bool) {
		if !isServed {
			if began >= cell.backAt {
				cell.lateRefused++
			}
			sim.after(roundTrip+c.policy(n), func() { c.attempt(n+1, work) })
			return
		}
		c.isBusy = false
		if began >= cell.backAt {
			cell.late.add(sim.now-began, 1)
		}
		if n > 0 {
			cell.lastWaiting = sim.now
		}
	}
	cell.calls.add(sim.now)
	if sim.now >= cell.backAt && sim.now < c.process.connectedAt {
		done(false)
		return
	}
	cell.database.serve(sim.exponential(work), done)
}

func (c *client) policy(n int) time.Duration { return c.cell.policy.pause(c.cell.sim, n, retrySoon) }

// read has streams of a process read, as many at once as may.
func (c *cell) read(p *process) {
	for p.reads < maxReads && len(p.readers) > 0 {
		r := p.readers[0]
		p.readers = p.readers[1:]
		if c.sim.now-r.asked > readTimeout {
			c.fail(p, r, r.asked+readTimeout)
			continue
		}
		p.reads++
		todos := min(watchPage, r.left)
		work := c.figures.pageWork(todos, databaseSide)
		if !r.isBegun {
			work += c.figures.databaseSync.time() // By which the service sees that the epoch is another one.
		}
		c.database.serve(c.sim.exponential(work), func(isServed bool) {
			p.reads--
			if !isServed {
				c.fail(p, r, c.sim.now)
			} else {
				r.failingAt, r.isBegun = 0, true
				p.cpu.serve(c.figures.pageWork(todos, serviceSide), func(bool) { c.sent(p, r, todos) })
			}
			c.read(p)
		})
	}
}

// sent has a stream read its next page.
func (c *cell) sent(p *process, r *reader, todos int) {
	if r.left -= todos; r.left == 0 {
		c.lastCopy = c.sim.now
		return
	}
	r.asked = c.sim.now
	p.readers = append(p.readers, r)
	c.read(p)
}

// fail has a stream read again after the next poll, or end: its client opens another one.
func (c *cell) fail(p *process, r *reader, at time.Duration) {
	wait := c.sim.uniform(pollInterval)
	if r.failingAt == 0 {
		r.failingAt = at
	}
	if c.sim.now-r.failingAt > giveUpAfter {
		c.ended++
		r.failingAt = 0
		wait = c.policy.pause(c.sim, 0, retrySoon)
	}
	c.sim.after(wait, func() {
		r.asked = c.sim.now
		p.readers = append(p.readers, r)
		c.read(p)
	})
}

// failoverTable shows what clients do to a database that has just taken over.
func failoverTable(seed uint64, a *assumptions, f *figures) *table {
	t := &table{heading: "Failover of a cell", columns: []string{
		"clients try again", "outage, s", "calls/s before", "most in the outage", "most in the 10 s after", "refused after", "p99 after, ms",
		"last waiting call, s after", "last copy, s after", "streams ended",
	}}
	const most = 1e8
	users := most / planFor(most, a, f).cells
	usual := time.Duration(a.outage.value * float64(time.Second))
	for _, row := range []struct {
		policy policy
		outage time.Duration
	}{{growing(), usual}, {obedient(), usual}, {hasty(), usual}, {growing(), 3 * usual}, {obedient(), 3 * usual}} {
		c := newCell(newSimulation(seed, "failover"), row.policy, users, row.outage, a, f)
		c.run()
		mean, _ := c.calls.perSecond(0, c.outageAt)
		_, during := c.calls.perSecond(c.outageAt, c.backAt)
		_, after := c.calls.perSecond(c.backAt, c.backAt+10*time.Second)
		t.add(row.policy.name, seconds(row.outage), number(c.scale*mean), number(c.scale*during), number(c.scale*after),
			grouped(int64(c.scale*float64(c.lateRefused))), milliseconds(c.late.quantile(tail)),
			seconds(max(0, c.lastWaiting-c.backAt)), seconds(max(0, c.lastCopy-c.backAt)), grouped(int64(c.scale*float64(c.ended))))
	}
	return t
}
