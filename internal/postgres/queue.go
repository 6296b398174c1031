package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// holdWeight is the weight of the newest call in the mean time that calls
	// hold a connection for: so many calls later, a third of what was before
	// is left in it.
	holdWeight = 1.0 / 16

	// answeredKept is how long a statement's answer proves that the database
	// answers.
	answeredKept = time.Second

	// sheddingLogInterval is how long no call may have been refused before
	// that is over.
	sheddingLogInterval = 5 * time.Second

	// maxWaiting bounds the calls that wait, however soon it seems that they
	// could be served: beyond it, it is this process that can't keep up, and
	// each call that it takes on makes all others later.
	maxWaiting = 1000
)

// errOverloaded says that a call did not even begin to wait for a connection.
var errOverloaded = fmt.Errorf("more calls wait for a connection than can get one within %v", acquireTimeout)

// queue knows how many calls want a connection, and tells a call beforehand
// when it would wait for one in vain. Refused at once, it costs next to nothing
// and its caller can turn to another process; waiting in vain, it would make
// each call that comes later do so too.
//
// Where n calls wait for c connections and hold one for h in the mean, the next
// call begins after n × h / c. It is refused when that is beyond the
// acquireTimeout.
type queue struct {
	conns          int
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

// enter counts a call that wants a connection. It fails with errOverloaded
// when the call is not worth its while; otherwise leave has to follow.
func (q *queue) enter(ctx context.Context) error {
	waiting, refused, recovered := q.tryEnter()
	if refused {
		return q.shed(ctx, waiting)
	}
	if recovered > 0 {
		q.logger.InfoContext(ctx, "database is no longer overloaded", "refused", recovered)
	}
	return nil
}

// tryEnter counts a call unless it has to be refused, behind so many that wait.
// When that ends a time in which calls were refused, it returns their number.
func (q *queue) tryEnter() (waiting int, refused bool, recovered int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if waiting, refused = q.check(q.calls, q.conns); refused {
		return waiting, true, 0
	}
	if q.shedding && time.Since(q.refusedAt) >= sheddingLogInterval {
		recovered = q.refused
		q.shedding, q.refused = false, 0
	}
	q.calls++
	return waiting, false, recovered
}

// checkLine reports whether a call has to be refused that would stand in a line
// of its own, behind so many calls which want so many connections, and how many
// of them wait.
func (q *queue) checkLine(calls, conns int) (waiting int, refused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.check(calls, conns)
}

func (q *queue) check(calls, conns int) (waiting int, refused bool) {
	waiting = max(0, calls-conns)
	return waiting, waiting > maxWaiting || time.Duration(waiting)*q.hold/time.Duration(conns) > q.acquireTimeout
}

// shed refuses a call that would be one more of so many that wait. It says so to
// the call each time and to the log once. No lock may be held: the log may block.
func (q *queue) shed(ctx context.Context, waiting int) error {
	if first, hold := q.refuse(); first {
		q.logger.WarnContext(ctx, "database is overloaded; refusing calls that would wait in vain",
			"waiting", waiting, "hold_ms", hold.Milliseconds())
	}
	return errOverloaded
}

// refuse counts a call that is refused. It reports whether it is the first.
func (q *queue) refuse() (first bool, hold time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	first = !q.shedding
	q.shedding, q.refusedAt = true, time.Now()
	q.refused++
	return first, q.hold
}

// leave counts a call that needs its connection no longer, or got none. Held
// is how long it had one; 0 for not at all.
func (q *queue) leave(held time.Duration, answered bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls--
	if answered {
		q.answeredAt = time.Now()
	}
	switch {
	case held == 0:
	case q.hold == 0:
		q.hold = held
	default:
		q.hold += time.Duration(holdWeight * float64(held-q.hold))
	}
}

// serving reports whether all connections are in use and the database answers
// on them. A look at the database would have to queue, and tell no more.
func (q *queue) serving() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.calls >= q.conns && time.Since(q.answeredAt) < answeredKept
}
