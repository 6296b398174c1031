package main

import "time"

// station is servers, as the cores of a database are, with one queue. Each job is served by
// one server, the first that comes first.
type station struct {
	sim     *simulation
	servers int
	// meanWork and maxWait are for admission, as internal/database has it: a job is refused
	// that would wait longer. 0 admits all.
	meanWork, maxWait time.Duration
	// isDown has all jobs refused, those in service too.
	isDown bool

	busy    int
	waiting []job // From first on.
	first   int
	refused int
	worked  time.Duration // By all servers.
}

type job struct {
	work time.Duration
	done func(served bool)
}

// serve has a job served. It is told when that has ended, or at once that it is refused.
func (s *station) serve(work time.Duration, done func(served bool)) {
	switch {
	case s.isDown, s.maxWait > 0 && time.Duration(s.queued())*s.meanWork/time.Duration(s.servers) > s.maxWait:
		s.refused++
		done(false)
	case s.busy < s.servers:
		s.begin(job{work, done})
	default:
		s.waiting = append(s.waiting, job{work, done})
	}
}

func (s *station) queued() int { return len(s.waiting) - s.first }

func (s *station) begin(j job) {
	s.busy++
	s.sim.after(j.work, func() {
		s.busy--
		s.worked += j.work
		if s.isDown {
			s.refused++
			j.done(false)
			return
		}
		if s.queued() > 0 {
			next := s.waiting[s.first]
			s.waiting[s.first] = job{}
			if s.first++; s.first == len(s.waiting) {
				s.waiting, s.first = s.waiting[:0], 0
			}
			s.begin(next)
		}
		j.done(true)
	})
}

// stop refuses all jobs from now on, those that wait too.
func (s *station) stop() {
	s.isDown = true
	waiting := s.waiting[s.first:]
	s.waiting, s.first = nil, 0
	for _, j := range waiting {
		s.refused++
		j.done(false)
	}
}

// start serves again.
func (s *station) start() { s.isDown = false }
