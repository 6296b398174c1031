package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// simulation is a clock, what happens next, and chance. All that happens at one time happens
// in the order in which it was planned, so the same seed gives the same course.
type simulation struct {
	now    time.Duration
	chance *rand.Rand

	events  eventHeap
	planned int
}

// newSimulation returns a simulation whose chance depends on the seed and on its name, so
// that a change of one simulation leaves the others as they were.
func newSimulation(seed uint64, name string) *simulation {
	hash := uint64(14695981039346656037) // FNV-1a.
	for _, b := range []byte(name) {
		hash = (hash ^ uint64(b)) * 1099511628211
	}
	return &simulation{chance: rand.New(rand.NewPCG(seed, hash))} //nolint:gosec // It has to be the same for a seed.
}

// after plans an action.
func (s *simulation) after(wait time.Duration, action func()) {
	s.planned++
	s.events.push(event{at: s.now + max(wait, 0), order: s.planned, action: action})
}

// run has everything happen that is planned for before a time.
func (s *simulation) run(until time.Duration) {
	for len(s.events) > 0 && s.events[0].at < until {
		next := s.events.pop()
		s.now = next.at
		next.action()
	}
	s.now = until
}

// exponential returns a time at random with a mean: that between events which come
// independently.
func (s *simulation) exponential(mean time.Duration) time.Duration {
	return time.Duration(s.chance.ExpFloat64() * float64(mean))
}

// uniform returns a time at random below a bound.
func (s *simulation) uniform(bound time.Duration) time.Duration {
	return time.Duration(s.chance.Float64() * float64(bound))
}

// lognormal returns a number at random with mean 1, whose logarithm has a standard deviation.
func (s *simulation) lognormal(deviation float64) float64 {
	return math.Exp(deviation*s.chance.NormFloat64() - deviation*deviation/2)
}

type event struct {
	at     time.Duration
	order  int
	action func()
}

func (e *event) isBefore(other *event) bool {
	return e.at < other.at || e.at == other.at && e.order < other.order
}

// eventHeap is a binary heap, the next event first. It is not [container/heap]'s, which takes
// three times as long: it allocates each event once more.
type eventHeap []event

func (h *eventHeap) push(e event) {
	*h = append(*h, e)
	all := *h
	for i := len(all) - 1; i > 0; {
		parent := (i - 1) / 2
		if !all[i].isBefore(&all[parent]) {
			return
		}
		all[i], all[parent] = all[parent], all[i]
		i = parent
	}
}

func (h *eventHeap) pop() event {
	all := *h
	first, last := all[0], len(all)-1
	all[0], all[last] = all[last], event{}
	all = all[:last]
	*h = all
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if all[child].isBefore(&all[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		all[i], all[least] = all[least], all[i]
		i = least
	}
}
