package database

import "time"

// The bounds of a statement, and of the connection that it has.
const (
	connectTimeout   = 3 * time.Second // For each address of the database, unless the URL has connect_timeout.
	acquireTimeout   = time.Second
	statementTimeout = 5 * time.Second

	// A connection that was idle for longer is pinged before it is used.
	pingAfter   = time.Second
	pingTimeout = 500 * time.Millisecond

	// batchTimeout is how long others wait for a batch that has its connection, or
	// to get one.
	batchTimeout = 250 * time.Millisecond

	// batchPace is how long statements gather while a batch is under way, when that
	// is not full before. Where the database is near, a batch takes less, and one at
	// a time costs the least; where it is far, or commits are slow, waiting for it
	// would cost more than sending another one.
	batchPace = 5 * time.Millisecond

	// batchLockTimeout is how long a statement of a write batch waits for a lock.
	// The server then names the statement and rolls the batch back, well before
	// batchTimeout. It is several times what another process's commit takes.
	batchLockTimeout = 75 * time.Millisecond

	// cancelDelay is how long a statement goes on after its caller has gone
	// before the server is asked to cancel it. Most end within it, and a cancel
	// request takes a connection of its own to the server.
	cancelDelay = 100 * time.Millisecond

	// cancelTimeout is how long after its context's end a statement has to end,
	// cancelDelay included. It leaves a cancel request the five round trips that
	// it takes with TLS, at 100 ms each. A connection that takes longer is given
	// up, so a dead one is noticed in less than a second.
	cancelTimeout = 750 * time.Millisecond

	// minStatementTime is what a caller has to have left for a statement to be
	// worth its while: about what a statement with its commit takes.
	minStatementTime = 2 * time.Millisecond
)

// Bounds are how long a DB waits for what. Services have the usual ones; tests have
// longer ones where they are not about them, so that they pass on a busy machine.
type Bounds struct {
	Connect     time.Duration // To each address of the database, unless the URL says.
	Acquire     time.Duration // To get a connection of the pool.
	Statement   time.Duration // For a statement, its waits for locks included.
	PingAfter   time.Duration // How long a connection may be idle and is not pinged.
	Ping        time.Duration
	Batch       time.Duration // For a batch, and to get a connection for it.
	BatchPace   time.Duration // For a batch, before another one is sent beside it.
	BatchLock   time.Duration // For a lock that a statement of a write batch needs.
	CancelDelay time.Duration // From the end of a statement's context to a cancel request.
	Cancel      time.Duration // From that end to the statement's; more costs its connection.
}

// UsualBounds returns those of a service.
func UsualBounds() Bounds {
	return Bounds{
		Connect:     connectTimeout,
		Acquire:     acquireTimeout,
		Statement:   statementTimeout,
		PingAfter:   pingAfter,
		Ping:        pingTimeout,
		Batch:       batchTimeout,
		BatchPace:   batchPace,
		BatchLock:   batchLockTimeout,
		CancelDelay: cancelDelay,
		Cancel:      cancelTimeout,
	}
}
