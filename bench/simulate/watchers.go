package main

import (
	"slices"
	"time"
)

// fleet is processes with the streams of users who change something now and then.
type fleet struct {
	processes, users int
	devices          float64 // Streams of a user, in the mean.
	// isSticky means that all calls and streams of a user meet one process. Of the streams, a
	// part is astray: a rolling restart moves them, and they stay where they are for a while.
	isSticky bool
	astray   float64
	change   time.Duration // Between two changes of one user, in the mean.
	poll     time.Duration // That PostgreSQL takes for a thousand accounts.
}

// watched is what a simulation of a fleet measures.
type watched struct {
	accounts, polls float64 // A second.
	databaseCores   float64
	delay           sample // From a change until a stream of its user is woken.
}

// poller is a process that polls for changes which other processes make.
type poller struct {
	fleet   fleet
	sim     *simulation
	watched *watched
	users   int // Who have a stream here.
	unseen  []change
}

// change is one that a stream has to learn of.
type change struct {
	user int
	at   time.Duration
}

// watch simulates a fleet for a time.
func (f fleet) watch(sim *simulation, length time.Duration) *watched {
	w := new(watched)
	pollers := make([]*poller, f.processes)
	for i := range pollers {
		pollers[i] = &poller{fleet: f, sim: sim, watched: w}
		sim.after(sim.uniform(pollInterval), pollers[i].poll)
	}
	for user := range f.users {
		home := sim.chance.IntN(f.processes)
		var streams []int // The processes that have them.
		for range f.streams(sim) {
			at := home
			if !f.isSticky || sim.chance.Float64() < f.astray {
				at = sim.chance.IntN(f.processes)
			}
			if !slices.Contains(streams, at) {
				pollers[at].users++
			}
			streams = append(streams, at)
		}
		f.planChange(sim, pollers, user, home, streams)
	}
	sim.run(length)
	w.accounts /= length.Seconds()
	w.polls /= length.Seconds()
	w.databaseCores = w.accounts * f.poll.Seconds() / pollOwners
	return w
}

// streams returns how many streams a user has: one, and further ones at random.
func (f fleet) streams(sim *simulation) int {
	n := int(f.devices)
	if sim.chance.Float64() < f.devices-float64(n) {
		n++
	}
	return max(1, n)
}

// planChange plans the next change of a user.
func (f fleet) planChange(sim *simulation, pollers []*poller, user, home int, streams []int) {
	sim.after(sim.exponential(f.change), func() {
		if !f.isSticky {
			home = sim.chance.IntN(f.processes)
		}
		for _, at := range streams {
			if at == home {
				pollers[at].watched.delay.add(0, 1)
				continue
			}
			pollers[at].unseen = append(pollers[at].unseen, change{user, sim.now})
		}
		f.planChange(sim, pollers, user, home, streams)
	})
}

// poll reads the heads of all users who have a stream here, a thousand at a time, and plans
// the next poll for a while after the end of this one.
func (p *poller) poll() {
	p.watched.polls++
	statements := (p.users + pollOwners - 1) / pollOwners
	p.statement(0, statements)
}

// statement finds what was changed before it began, when it ends.
func (p *poller) statement(n, of int) {
	if n == of {
		jitter := 1 + pollJitter*(2*p.sim.chance.Float64()-1)
		p.sim.after(time.Duration(float64(pollInterval)*jitter), p.poll)
		return
	}
	var found, later []change
	for _, c := range p.unseen {
		if c.user%of == n {
			found = append(found, c)
		} else {
			later = append(later, c)
		}
	}
	p.unseen = later
	read := min(p.users, pollOwners)
	p.watched.accounts += float64(p.users) / float64(of)
	p.sim.after(p.fleet.poll*time.Duration(read)/pollOwners, func() {
		for _, c := range found {
			p.watched.delay.add(p.sim.now-c.at, 1)
		}
		p.statement(n+1, of)
	})
}

// watchersTable shows what polls cost, and how late streams learn of changes.
func watchersTable(seed uint64, a *assumptions, f *figures) *table {
	const users, length = 50_000, 60 * time.Second // Those who watch of a million, unless assumed otherwise.
	t := &table{heading: "Polls for watchers", columns: []string{
		grouped(users) + " users who watch", "processes", "polls/s", "accounts/s", "PostgreSQL, cores", "woken at once", "delay p50, ms", "p99, ms",
	}}
	for _, row := range []struct {
		name      string
		processes int
		isSticky  bool
		astray    float64
	}{
		{"by user", 8, true, 0},
		{"by user, a third astray", 8, true, 1.0 / 3},
		{"at random", 8, false, 0},
		{"by user", 64, true, 0},
		{"at random", 64, false, 0},
	} {
		w := fleet{
			processes: row.processes, users: users, devices: a.devices.value, isSticky: row.isSticky, astray: row.astray,
			change: betweenWrites(a), poll: f.pollOfThousand.time(),
		}.watch(newSimulation(seed, "watchers"), length)
		t.add(row.name, grouped(int64(row.processes)), number(w.polls), number(w.accounts), number(w.databaseCores),
			percent(w.delay.below(time.Nanosecond)), milliseconds(w.delay.quantile(0.5)), milliseconds(w.delay.quantile(tail)))
	}
	return t
}

// betweenWrites returns the mean time between two writes of a user who is online in the
// busiest hour. Whoever calls then has a stream.
func betweenWrites(a *assumptions) time.Duration {
	perSecond := a.active.value * a.calls.value * a.writes.value * a.peak.value / day.Seconds() / a.online.value
	return time.Duration(float64(time.Second) / perSecond)
}
