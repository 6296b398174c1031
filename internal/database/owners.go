package database

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// owners is a bulkhead: it leaves connections to others when one user writes a lot.
// Writes of the same row wait for each other in the database, each on a connection. A
// user who writes one often enough, within any rate, would have them all. So the
// writes of one owner that run alone have half of the connections at most; further
// ones wait here.
type owners struct {
	conns int // That one owner's writes may have.

	mu     sync.Mutex
	byName map[string]*owner // Those who write now.
}

// owner is the writes of one owner.
type owner struct {
	conns *semaphore.Weighted
	calls int // That have a connection, or wait for one.
}

func newOwners(conns int) *owners {
	return &owners{conns: max(1, conns/2), byName: make(map[string]*owner)}
}

// enter waits until a write of an owner's may ask for a connection. It fails when the
// context ends before, and at once with errOverloaded when the wait would be in vain.
// Otherwise leave has to follow.
func (o *owners) enter(ctx context.Context, name string, a *admission) (leave func(), err error) {
	mine, waiting := o.count(name, a)
	if mine == nil {
		return nil, a.shed(ctx, waiting)
	}
	if err := mine.conns.Acquire(ctx, 1); err != nil {
		o.uncount(name, mine)
		return nil, context.Cause(ctx)
	}
	return func() {
		mine.conns.Release(1)
		o.uncount(name, mine)
	}, nil
}

// count counts a write of an owner's. The owner is nil when it has to be refused,
// behind so many that wait.
func (o *owners) count(name string, a *admission) (mine *owner, waiting int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	mine = o.byName[name]
	if mine == nil {
		mine = &owner{conns: semaphore.NewWeighted(int64(o.conns))}
	}
	waiting, ok := a.admits(mine.calls, o.conns)
	if !ok {
		return nil, waiting
	}
	mine.calls++
	o.byName[name] = mine
	return mine, waiting
}

func (o *owners) uncount(name string, mine *owner) {
	o.mu.Lock()
	defer o.mu.Unlock()
	mine.calls--
	if mine.calls == 0 {
		delete(o.byName, name)
	}
}
