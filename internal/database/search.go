package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// askInterval is how often a host that takes no writes is asked again while another one is
// silent. Three hosts are dialled less than ten times a second then, and more of them no
// oftener in all.
const askInterval = 300 * time.Millisecond

// search asks all hosts once which of them is the primary. Not safe for concurrent use.
type search struct {
	hosts  []*host
	bounds Bounds
	lookUp func(*host, context.Context) ([]*endpoint, error)
	ask    func(context.Context, *endpoint) (*pgconn.FallbackConfig, timeline, error) // Fails unless it is the primary.
	fence  *fence
	later  func() // Called when a host is on a later timeline than any before.
	group  *sync.WaitGroup

	former *answer // A former primary that was met.

	answers  chan answer
	isOver   chan struct{} // Closed when nobody waits for answers any more.
	left     []int         // Of each host, the answers that are still to come.
	latest   map[*endpoint]answer
	failures []error // Of hosts that have no address.
	isFull   bool    // A server has no connection left.
}

// answer is what an address has said, or, without an endpoint, that a host has so many.
type answer struct {
	host     *host
	endpoint *endpoint
	entry    *pgconn.FallbackConfig // The one that the server was reached by.
	at       timeline
	err      error // Not the primary, or not reached.
	more     int
}

// find returns the primary. It returns when one is found and the others have had a moment
// to say that they are on a later timeline, as a former primary that was paused or cut off
// says that it is one, too. The hosts that have not answered by then are listened to
// further, for the fence.
//
// It fails when all hosts have said that they are not the primary, or after a time. As long
// as a host is silent, the others are asked again.
func (s *search) find(ctx context.Context) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.bounds.Connect)
	s.answers, s.isOver, s.latest = make(chan answer), make(chan struct{}), make(map[*endpoint]answer)
	s.left = slices.Repeat([]int{1}, len(s.hosts))
	defer close(s.isOver)
	var asking sync.WaitGroup
	for _, h := range s.hosts {
		asking.Go(func() { s.askHost(ctx, h, &asking) })
	}
	s.group.Go(func() { // The caller has a share in the group.
		asking.Wait()
		cancel()
	})
	var enough <-chan time.Time
	isEnough := false
	for {
		best := s.best()
		switch {
		case s.isComplete(len(s.hosts)), ctx.Err() != nil, isEnough && best == nil && s.isFull, isEnough && best != nil && s.isClear(best):
			return s.decide(best)
		case enough == nil && (best != nil || s.isFull):
			timer := time.NewTimer(s.bounds.OtherHosts)
			defer timer.Stop()
			enough = timer.C
		}
		select {
		case a := <-s.answers:
			s.take(a)
		case <-enough:
			isEnough = true
		case <-ctx.Done():
		}
	}
}

// take takes an answer.
func (s *search) take(a answer) {
	place := a.host.place
	if a.endpoint == nil {
		s.left[place] += a.more - 1
		if a.err != nil {
			s.failures = append(s.failures, a.err)
		}
		return
	}
	if _, heard := s.latest[a.endpoint]; !heard {
		s.left[place]--
	}
	s.latest[a.endpoint] = a
	s.isFull = s.isFull || hasState(a.err, tooManyConnections)
}

// isComplete reports whether so many of the hosts, from the first one on, have answered.
func (s *search) isComplete(hosts int) bool {
	return !slices.ContainsFunc(s.left[:hosts], func(left int) bool { return left > 0 })
}

// best returns the answer of the primary: the one on the latest timeline, and the first of
// the hosts where timelines don't tell. Nil means that there is none.
func (s *search) best() (best *answer) {
	for _, a := range s.heard() {
		switch {
		case a.err != nil:
		case s.fence.isBehind(a.at):
			s.former = &a
		case best == nil, a.at.isAfter(best.at):
			best = &a
		}
	}
	return best
}

// heard returns what each address has said last, in the order of the hosts.
func (s *search) heard() []answer {
	return slices.SortedFunc(maps.Values(s.latest), func(a, b answer) int { return cmp.Compare(a.host.place, b.host.place) })
}

// isClear reports whether hosts that are silent can be left out: a later timeline would be
// the fence's to find, or they come after the best anyway.
func (s *search) isClear(best *answer) bool {
	for _, a := range s.latest {
		if a.err == nil && (a.at.cluster == "" || a.at.cluster != best.at.cluster) {
			return s.isComplete(best.host.place)
		}
	}
	return true
}

// decide ends the search with the best answer, or a former primary's when it is nil. It
// fails when there is none, or the fence refuses it.
func (s *search) decide(best *answer) (*answer, error) {
	best = cmp.Or(best, s.former)
	if best != nil && s.fence.accept(best.at, time.Now()) {
		return best, nil
	}
	s.former = best
	errs := s.failures
	for _, a := range s.heard() {
		err := a.err
		if err == nil {
			err = &formerPrimaryError{a.at, s.fence.seen()}
		}
		errs = append(errs, fmt.Errorf("%s: %w", a.endpoint.name(), err))
	}
	for i, left := range s.left {
		if left > 0 {
			errs = append(errs, fmt.Errorf("%s: no answer", (&endpoint{host: s.hosts[i]}).name()))
		}
	}
	slices.SortStableFunc(errs, func(a, b error) int { // What the first one means, all mean.
		return firstOf(hasState(a, tooManyConnections), hasState(b, tooManyConnections))
	})
	return nil, fmt.Errorf("no host is the primary: %w", errors.Join(errs...))
}

// firstOf orders what is before what is not.
func firstOf(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// askHost asks all addresses of a host.
func (s *search) askHost(ctx context.Context, h *host, asking *sync.WaitGroup) {
	endpoints, err := s.lookUp(h, ctx)
	if !s.send(ctx, answer{host: h, more: len(endpoints), err: err}) {
		return
	}
	for _, e := range endpoints {
		asking.Go(func() { s.askEndpoint(ctx, e) })
	}
}

// askEndpoint asks an address until it is the primary's, or nobody waits for answers.
func (s *search) askEndpoint(ctx context.Context, e *endpoint) {
	for {
		entry, at, err := s.ask(ctx, e)
		if err == nil && s.fence.see(at) {
			s.later()
		}
		if !s.send(ctx, answer{host: e.host, endpoint: e, entry: entry, at: at, err: err}) || err == nil && !s.fence.isBehind(at) {
			return
		}
		interval := max(askInterval, askInterval*time.Duration(len(s.hosts))/3)
		again := time.NewTimer(interval + rand.N(interval/4)) //nolint:gosec // Nobody gains from guessing it.
		select {
		case <-again.C:
		case <-s.isOver:
			again.Stop()
			return
		case <-ctx.Done():
			again.Stop()
			return
		}
	}
}

// send hands over an answer, and reports whether it was waited for.
func (s *search) send(ctx context.Context, a answer) bool {
	select {
	case s.answers <- a:
		return true
	case <-s.isOver:
		return false
	case <-ctx.Done():
		return false
	}
}
