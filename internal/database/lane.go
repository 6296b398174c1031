package database

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// lane runs statements of one kind: reads, scans or writes. A statement that
// comes while no batch is under way is sent at once, as a batch of one. Further ones
// gather until that has ended or has taken its pace, or until they make a full batch.
// Then they are sent, beside it if need be and if there is a slot.
//
// A batch serves all of its calls or none: when it fails or is late, its calls run
// alone, so no call fails because of another's. A call whose statement may have taken
// effect, and must not take it twice, fails with [ErrUnavailable].
type lane struct {
	runner runner
	slots  int // Batches under way at most; 0 batches nothing.
	bounds Bounds

	name     Lane
	observer Observer // May be nil.

	mu        sync.Mutex
	taken     int            // Slots.
	young     int            // Of those, the ones whose batch is within its pace.
	late      int            // Of those, the ones whose batch is being canceled.
	waiting   []*call        // In the order they came.
	gathered  size           // Of those.
	busy      map[string]int // The writes of each owner that are in slots.
	cooldowns cooldowns
	batches   int64  // That were numbered.
	reruns    Reruns // That batches caused.
}

// runner is how a lane runs statements.
type runner interface {
	// runAlone runs a statement by itself, on a connection that batches leave, after
	// it has waited for so long. Its error is one for the caller.
	runAlone(ctx context.Context, s *Statement, waited time.Duration) error

	// runBatch runs the statements of calls, all or none. It returns the index of the
	// call that the server refused, or -1.
	runBatch(ctx context.Context, calls []*call) (failed int, err error)

	// refuse returns the error of a call that would be one more than may wait.
	refuse(ctx context.Context, s *Statement, waiting int) error
}

// call is a statement in a lane, and who waits for it.
type call struct {
	Statement

	size  size
	since time.Time      // When it came.
	batch BatchReference // The last one that it was in.
	done  chan struct{}  // Closed once the rest is valid; nil for a batch of its own.

	err      error
	runAlone bool // No batch has served it.
	left     bool // Its caller has.
	repeated bool // A batch was rolled back because of another's.
}

func newLane(runner runner, slots int, bounds Bounds) *lane {
	return &lane{runner: runner, slots: slots, bounds: bounds, busy: make(map[string]int), cooldowns: cooldowns{owners: make(map[string]*ownerCooldown)}}
}

// run runs a call, alone or in a batch.
func (l *lane) run(ctx context.Context, c *call) error {
	c.since = time.Now()
	own, alone, full := l.enter(ctx, c)
	switch {
	case full:
		return l.runner.refuse(ctx, &c.Statement, maxWaiting)
	case alone:
		return l.runAlone(ctx, c, 0)
	case own != nil:
		l.send(own)
		return l.finish(ctx, c)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		l.withdraw(c)
		return interpret(ctx, c.Name, ctx.Err())
	}
	return l.finish(ctx, c)
}

// finish returns what became of a call in its batch, or has it run alone.
func (l *lane) finish(ctx context.Context, c *call) error {
	if c.runAlone {
		return l.runAlone(ctx, c, time.Since(c.since))
	}
	return interpret(ctx, c.Name, c.err)
}

// runAlone runs a statement without a slot.
func (l *lane) runAlone(ctx context.Context, c *call, waited time.Duration) error {
	began := time.Now()
	l.mu.Lock()
	leave := l.cooldowns.enter(c.Owner)
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		now := time.Now()
		leave(now.Sub(began) > l.bounds.BatchLock, now)
	}()
	return l.runner.runAlone(ctx, &c.Statement, waited)
}

// enter decides how a call runs: in a batch of its own when it returns its slot, alone,
// or in a batch to come. It is refused when too many wait.
func (l *lane) enter(ctx context.Context, c *call) (own *slot, alone, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.size = sizeOf(&c.Statement)
	switch {
	case l.late == l.slots, c.Alone, c.size.rows > maxRows, l.cooldowns.include(c.Owner, c.since):
		return nil, true, false
	case l.young == 0 && l.taken < l.slots && len(l.waiting) == 0 && l.busy[c.Owner] == 0:
		return l.take(ctx, []*call{c}), false, false
	case len(l.waiting) >= maxWaiting:
		return nil, false, true
	}
	c.done = make(chan struct{})
	l.wait(c)
	l.dispatch()
	return nil, false, false
}

// wait adds calls to those that wait.
func (l *lane) wait(calls ...*call) {
	l.waiting = append(l.waiting, calls...)
	for _, c := range calls {
		l.gathered.add(c.size)
	}
}

// remove takes calls out of those that wait.
func (l *lane) remove(which func(*call) bool) {
	l.waiting = slices.DeleteFunc(l.waiting, func(c *call) bool {
		if !which(c) {
			return false
		}
		l.gathered.remove(c.size)
		return true
	})
}

// dispatch gives free slots to the calls that wait.
func (l *lane) dispatch() {
	for l.taken < l.slots && (l.young == 0 || l.gathered.isFull()) {
		calls := l.gather()
		if len(calls) == 0 {
			return
		}
		go l.send(l.take(context.Background(), calls)) // No caller's context: each may leave.
	}
}

// gather takes the calls of the next batch out of those that wait: in their order,
// but an owner's together, and owners in the order of their names, so that all
// processes lock rows in one order. An owner is in one batch at a time. It dismisses
// calls that have waited for as long as one may wait for a connection.
func (l *lane) gather() (calls []*call) {
	tooLate := time.Now().Add(-l.bounds.Acquire)
	l.dismiss(func(c *call) bool { return c.since.Before(tooLate) })
	var all size
	l.remove(func(c *call) bool {
		if all.isFull() || l.busy[c.Owner] > 0 {
			return false
		}
		all.add(c.size)
		calls = append(calls, c)
		return true
	})
	slices.SortStableFunc(calls, func(a, b *call) int { return strings.Compare(a.Owner, b.Owner) })
	return calls
}

// withdraw takes a call out of those that wait, if it still does.
func (l *lane) withdraw(c *call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.left = true
	l.dismiss(func(other *call) bool { return other == c })
}

// dismiss has calls that wait run alone.
func (l *lane) dismiss(which func(*call) bool) {
	l.remove(func(c *call) bool {
		if !which(c) {
			return false
		}
		c.runAlone = true
		close(c.done)
		return true
	})
}

// exclude has an owner's statements run alone until include is called.
func (l *lane) exclude(owner string) (include func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	release := l.cooldowns.hold(owner)
	l.dismiss(func(c *call) bool { return c.Owner == owner })
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		release(time.Now())
	}
}

// cool has an owner's writes run alone for a while.
func (l *lane) cool(owner string, now time.Time) {
	l.cooldowns.start(owner, now)
	l.dismiss(func(c *call) bool { return c.Owner == owner })
}
