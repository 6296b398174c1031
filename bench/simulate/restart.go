package main

import (
	"math"
	"time"
)

// rollout restarts processes one after the other, each with streams of its users.
type rollout struct {
	sim       *simulation
	hasHeader bool          // Clients wait as the header Retry-After says, in whole seconds.
	away      time.Duration // Of a process, from the end of its streams until it is ready.
	watches   int           // That a process takes.
	database  *station
	nodes     []*node
	streams   []stream
	sync      struct{ service, database time.Duration }

	reopened rate
	opened   sample // From the first call until the stream has its first message.
	reopens  int
	refused  int // As the process has as many streams as it may have.
	most     int // Streams of a process, at any time.
}

// node is a process that a balancer knows.
type node struct {
	cpu    *station
	isUp   bool
	open   int
	number uint64
}

// stream is one client's. Its user's hash says which process it is for.
type stream struct {
	user uint64
	at   *node
}

const (
	checksToTakeOut = 2
	betweenChecks   = time.Second
	// takenOut is within which time a balancer sends nothing new to a process that drains:
	// "fall" checks, each "inter" after the other (deploy/haproxy).
	takenOut = checksToTakeOut * betweenChecks
	// betweenRestarts is from when one process is ready until the next one drains.
	betweenRestarts = 10 * time.Second
	// watchRetry is in internal/rpc/errors.go: when a stream is tried again that a full
	// process has refused.
	watchRetry = 10 * time.Second
)

// newRollout returns processes with their streams, each user's where the balancer sends them.
func newRollout(sim *simulation, processes, streams int, a *assumptions, f *figures) *rollout {
	r := &rollout{sim: sim, watches: int(a.streamsOfProcess()), database: &station{sim: sim, servers: int(a.databaseCores.value)}}
	r.sync.service, r.sync.database = f.serviceSync.time(), f.databaseSync.time()
	for i := range processes {
		r.nodes = append(r.nodes, &node{cpu: &station{sim: sim, servers: 1}, isUp: true, number: uint64(i)})
	}
	r.streams = make([]stream, streams)
	for i := range r.streams {
		s := &r.streams[i]
		s.user = sim.chance.Uint64()
		r.enter(s, r.nodeFor(s))
	}
	return r
}

// nodeFor returns the process that a user's calls meet. As with a consistent hash, one that
// comes or goes moves its own users only.
func (r *rollout) nodeFor(s *stream) *node {
	var best *node
	var most uint64
	for _, n := range r.nodes {
		if score := mix(s.user ^ mix(n.number+1)); n.isUp && (best == nil || score > most) {
			best, most = n, score
		}
	}
	return best
}

// mix spreads the bits of a number (SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (r *rollout) enter(s *stream, at *node) {
	s.at = at
	at.open++
	r.most = max(r.most, at.open)
}

// run restarts all processes.
func (r *rollout) run() {
	at := takenOut
	for _, n := range r.nodes {
		r.sim.after(at-takenOut, func() { n.isUp = false })
		r.sim.after(at, func() { r.end(n) })
		r.sim.after(at+r.away, func() { n.isUp = true })
		at += r.away + betweenRestarts
	}
	r.sim.run(at)
}

// end ends the streams of a process that drains. Each is told when to come back.
func (r *rollout) end(n *node) {
	n.open = 0
	for i := range r.streams {
		s := &r.streams[i]
		if s.at != n {
			continue
		}
		s.at = nil
		wait := retrySoon + r.sim.uniform(reopenSpread)
		if r.hasHeader {
			wait = wholeSeconds(wait)
		}
		r.sim.after(growing().pause(r.sim, 0, wait), func() { r.reopen(s) })
	}
}

// reopen has a client sync, and then open a stream, which reads as well.
func (r *rollout) reopen(s *stream) {
	r.reopens++
	r.reopened.add(r.sim.now)
	began := r.sim.now
	r.read(r.nodeFor(s), func() {
		r.sim.after(roundTrip, func() {
			n := r.nodeFor(s)
			if n.open >= r.watches {
				r.refused++
				r.sim.after(watchRetry, func() { r.reopen(s) })
				return
			}
			r.enter(s, n)
			r.read(n, func() { r.opened.add(r.sim.now-began-roundTrip, 1) })
		})
	})
}

// read makes a call that finds nothing new.
func (r *rollout) read(n *node, done func()) {
	n.cpu.serve(r.sim.exponential(r.sync.service), func(bool) {
		r.database.serve(r.sim.exponential(r.sync.database), func(bool) { done() })
	})
}

// astray returns the part of the streams that are not where their users' calls are.
func (r *rollout) astray() float64 {
	away := 0
	for i := range r.streams {
		if r.streams[i].at != r.nodeFor(&r.streams[i]) {
			away++
		}
	}
	return float64(away) / float64(len(r.streams))
}

// restartTable shows what a rolling restart costs.
func restartTable(seed uint64, a *assumptions, f *figures) *table {
	t := &table{heading: "Streams in a rolling restart", columns: []string{
		"clients wait", "processes", "streams each", "away, s", "reopened/s in the 6 s after a drain", "most in a tenth of a second", "opened within, p50, ms", "p99, ms",
		"most streams of a process", "refused as full", "reopened for each stream", "astray afterwards",
	}}
	const short, long = 3 * time.Second, 30 * time.Second // A program that starts again; a container that is replaced.
	room, full := int(a.room.value*a.streamsOfProcess()), int(0.6*a.streamsOfProcess())
	for _, row := range []struct {
		name      string
		hasHeader bool
		processes int
		each      int
		away      time.Duration
	}{
		{"whole seconds (`Retry-After`)", true, 8, room, short},
		{"to the millisecond (`RetryInfo`)", false, 8, room, short},
		{"whole seconds", true, 8, room, long},
		{"whole seconds", true, 2, room, long},
		{"whole seconds", true, 8, full, long},
	} {
		r := newRollout(newSimulation(seed, "restart"), row.processes, row.processes*row.each, a, f)
		r.hasHeader, r.away = row.hasHeader, row.away
		r.run()
		_, most := r.reopened.perSecond(0, math.MaxInt64)
		const span = retrySoon + reopenSpread
		mean, _ := r.reopened.perSecond(takenOut, takenOut+span+rateWindow) // With those who come at its end.
		t.add(row.name, grouped(int64(row.processes)), grouped(int64(row.each)), seconds(row.away), number(mean), number(most*rateWindow.Seconds()),
			milliseconds(r.opened.quantile(0.5)), milliseconds(r.opened.quantile(tail)), grouped(int64(r.most)), grouped(int64(r.refused)),
			number(float64(r.reopens)/float64(len(r.streams))), percent(r.astray()))
	}
	return t
}
