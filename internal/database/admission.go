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
	conns          int
	slots          *semaphore.Weighted // As many as conns.
	acquireTimeout time.Duration
	logger         *slog.Logger

	mu         sync.Mutex
	calls      int           // That have a connection, or wait for one.
	hold       time.Duration // The mean, moving; 0 before the first call.
	answeredAt time.Time     // When a statement was answered last.
	shedding   bool          // Calls are being refused, or were until lately.
	refused    int           // While shedding.
	refusedAt  time.Time     // When a call was refused last.
}

func newAdmission(conns int, acquireTimeout time.Duration, logger *slog.Logger) *admission {
	return &admission{conns: conns, slots: semaphore.NewWeighted(int64(conns)), acquireTimeout: acquireTimeout, logger: logger}
}

// enter waits until a statement may have a connection. It fails when the context
// ends before, and at once with errOverloaded when the wait would be in vain.
// Otherwise leave has to follow.
func (a *admission) enter(ctx context.Context) (leave func(), err error) {
	waiting, ok, recovered := a.count()
	if !ok {
		return nil, a.shed(ctx, waiting)
	}
	if recovered > 0 {
		a.logger.InfoContext(ctx, "database is no longer overloaded", "refused", recovered)
	}
	if err := a.slots.Acquire(ctx, 1); err != nil {
		a.uncount(0)
		return nil, context.Cause(ctx)
	}
	admitted := time.Now()
	return func() {
		a.slots.Release(1)
		a.uncount(time.Since(admitted))
	}, nil
}

// count counts a statement that wants a connection, unless it has to be refused,
// behind so many that wait. When that ends a time of load shedding, it returns how
// many were refused.
func (a *admission) count() (waiting int, ok bool, recovered int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if waiting, ok = a.check(a.calls, a.conns); !ok {
		return waiting, false, 0
	}
	if a.shedding && time.Since(a.refusedAt) >= sheddingLogInterval {
		recovered = a.refused
		a.shedding, a.refused = false, 0
	}
	a.calls++
	return waiting, true, recovered
}

// admits reports whether a statement may wait behind so many calls that want so many
// connections, and how many of them wait.
func (a *admission) admits(calls, conns int) (waiting int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.check(calls, conns)
}

func (a *admission) check(calls, conns int) (waiting int, ok bool) {
	waiting = max(0, calls-conns)
	return waiting, waiting <= maxWaiting && time.Duration(waiting)*a.hold/time.Duration(conns) <= a.acquireTimeout
}

// uncount counts a statement that wants its connection no longer. Held is how long
// it had one; 0 for not at all.
func (a *admission) uncount(held time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls--
	switch {
	case held == 0:
	case a.hold == 0:
		a.hold = held
	default:
		a.hold += time.Duration(holdWeight * float64(held-a.hold))
	}
}

// shed returns the error of a statement that would be one more of so many that wait,
// and tells the log once. No lock may be held: the log may block.
func (a *admission) shed(ctx context.Context, waiting int) error {
	if first, hold := a.refuse(); first {
		a.logger.WarnContext(ctx, "database is overloaded; refusing calls that would wait in vain",
			"waiting", waiting, "hold_ms", hold.Milliseconds())
	}
	return errOverloaded
}

// refuse counts a statement that is refused. It reports whether it is the first.
func (a *admission) refuse() (first bool, hold time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first = !a.shedding
	a.shedding, a.refusedAt = true, time.Now()
	a.refused++
	return first, a.hold
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
	return a.calls >= a.conns && time.Since(a.answeredAt) < answeredKept
}
