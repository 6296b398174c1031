package database

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// holdWeight is the weight of the newest statement in the mean service time:
	// so many statements later, a third of what was before is left in it.
	holdWeight = 1.0 / 16

	// answeredKept is how long a statement's answer proves that the database
	// answers.
	answeredKept = time.Second

	// sheddingLogInterval is how long no statement may have been refused before
	// load shedding is over.
	sheddingLogInterval = 5 * time.Second

	// maxWaiting bounds the statements that wait, however soon it seems that they
	// could be served: beyond it, it is this process that can't keep up, and
	// each that it takes on makes all others later.
	maxWaiting = 1000
)

// errOverloaded says that a statement did not even begin to wait for a connection.
var errOverloaded = fmt.Errorf("more calls wait for a connection than can get one within %v", acquireTimeout)

// admission lets statements that run alone have a connection, a number of them at
// a time, and refuses a statement beforehand that would wait in vain. Refused at
// once, it costs next to nothing and its caller can turn to another process;
// waiting in vain, it would make each statement that comes later do so too.
//
// Where n statements wait for c connections and hold one for h in the mean, the
// next one begins after n × h / c. It is refused when that is beyond the
// acquireTimeout.
type admission struct {
	acquireTimeout time.Duration
	logger         *slog.Logger
	all            *bulkhead

	mu         sync.Mutex
	owners     map[string]*bulkhead // Of those who write now.
	hold       time.Duration        // The mean, moving; 0 before the first call.
	answeredAt time.Time            // When a statement was answered last.
	shedding   bool                 // Calls are being refused, or were until lately.
	refused    int                  // While shedding.
	refusedAt  time.Time            // When a call was refused last.

	refusedEver int64
}

// bulkhead is connections that some statements may have: all statements all of them,
// and the writes of one owner half of them. Writes of the same row wait for each other
// in the database, each on a connection. A user who writes one often enough, within
// any rate, would leave none to others.
type bulkhead struct {
	owner string
	conns int
	slots *semaphore.Weighted // As many as conns.
	calls int                 // That have a connection, or wait for one. The admission guards it.
}

func newAdmission(conns int, acquireTimeout time.Duration, logger *slog.Logger) *admission {
	return &admission{acquireTimeout: acquireTimeout, logger: logger, all: newBulkhead("", conns), owners: make(map[string]*bulkhead)}
}

func newBulkhead(owner string, conns int) *bulkhead {
	return &bulkhead{owner: owner, conns: conns, slots: semaphore.NewWeighted(int64(conns))}
}

// enter waits until a statement may have a connection, and before that, if it writes,
// until its owner may have one more. It fails when the context ends before, and at once
// with errOverloaded when either wait would be in vain. Otherwise leave has to follow.
func (a *admission) enter(ctx context.Context, owner string) (leave func(), err error) {
	if owner == "" {
		return a.enterBulkhead(ctx, "")
	}
	leaveOwner, err := a.enterBulkhead(ctx, owner)
	if err != nil {
		return nil, err
	}
	leaveAll, err := a.enterBulkhead(ctx, "")
	if err != nil {
		leaveOwner()
		return nil, err
	}
	return func() {
		leaveAll()
		leaveOwner()
	}, nil
}

func (a *admission) enterBulkhead(ctx context.Context, owner string) (leave func(), err error) {
	b, waiting, recovered := a.count(owner)
	if b == nil {
		return nil, a.shed(ctx, waiting)
	}
	if recovered > 0 {
		a.logger.InfoContext(ctx, "database is no longer overloaded", "refused", recovered)
	}
	if err := b.slots.Acquire(ctx, 1); err != nil {
		a.uncount(b, 0)
		return nil, context.Cause(ctx)
	}
	entered := time.Now()
	return func() {
		b.slots.Release(1)
		a.uncount(b, time.Since(entered))
	}, nil
}

// count counts a statement that wants a connection in the bulkhead of an owner, or in
// that of all. It returns none when the statement has to be refused, behind so many
// that wait. When that ends a time of load shedding, it returns how many were refused.
func (a *admission) count(owner string) (b *bulkhead, waiting, recovered int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b = a.all
	if owner != "" {
		b = a.owners[owner]
	}
	if b == nil {
		b = newBulkhead(owner, max(1, a.all.conns/2))
		a.owners[owner] = b
	}
	waiting = max(0, b.calls-b.conns)
	if waiting > maxWaiting || time.Duration(waiting)*a.hold/time.Duration(b.conns) > a.acquireTimeout {
		return nil, waiting, 0
	}
	if a.shedding && time.Since(a.refusedAt) >= sheddingLogInterval {
		recovered = a.refused
		a.shedding, a.refused = false, 0
	}
	b.calls++
	return b, waiting, recovered
}

// uncount counts a statement that wants its connection no longer. Held is how long
// it was in the bulkhead; 0 for not at all.
func (a *admission) uncount(b *bulkhead, held time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b.calls--; b.calls == 0 {
		delete(a.owners, b.owner)
	}
	switch {
	case b != a.all, held == 0: // An owner's write may have waited for a connection.
	case a.hold == 0:
		a.hold = held
	default:
		// Doubled at most: one that waited for a lock says little of the others.
		a.hold += min(time.Duration(holdWeight*float64(held-a.hold)), a.hold)
	}
}

// shed returns the error of a statement that would be one more of so many that wait,
// and tells the log once. No lock may be held meanwhile: the log may block.
func (a *admission) shed(ctx context.Context, waiting int) error {
	a.mu.Lock()
	isFirst, hold := !a.shedding, a.hold
	a.shedding, a.refusedAt = true, time.Now()
	a.refused++
	a.refusedEver++
	a.mu.Unlock()
	if isFirst {
		a.logger.WarnContext(ctx, "database is overloaded; refusing calls that would wait in vain",
			"waiting", waiting, "hold_ms", hold.Milliseconds())
	}
	return errOverloaded
}

// answered notes that the database has answered a statement.
func (a *admission) answered() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answeredAt = time.Now()
}

// serving reports whether all connections are in use and the database answers on them.
func (a *admission) serving() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all.calls >= a.all.conns && time.Since(a.answeredAt) < answeredKept
}
