package database

import "time"

// Bounds are how long a DB waits for what. Services have the usual ones; tests have
// longer ones where they are not about them, so that they pass on a busy machine.
type Bounds struct {
	// Connect is for each address of the database, unless the URL has connect_timeout.
	Connect time.Duration

	// OtherHosts is how long a primary that was found waits to be overtaken by another
	// host's answer. It delays the connection only while a host is silent.
	OtherHosts time.Duration

	// AskAfter is how long a connection may be idle before all hosts are asked whether it
	// still leads to the primary. It is less than a cluster manager takes to replace a
	// primary that is paused (Patroni's ttl is 20 s): a connection that has outlived that
	// is not used unasked.
	AskAfter time.Duration

	// Acquire is for a connection of the pool.
	Acquire time.Duration

	// Alone is for what runs alone, a statement or a transaction, as a whole: the batch
	// that it was in before, its waits for a connection, and its further runs. Behind it
	// there may be three times Cancel: for a statement to end, for a ROLLBACK, and for
	// that to end. The sum is less than the service gives a call, so that the caller
	// learns that the database was too slow.
	Alone time.Duration

	// Statement is for each run of a statement, of a transaction or by itself, its waits
	// for locks included.
	Statement time.Duration

	// TransactionLock is for a lock that a statement of a transaction needs. The
	// transaction keeps the locks that it has meanwhile, and others wait for those.
	TransactionLock time.Duration

	// PingAfter is how long a connection may be idle and is not pinged before it is
	// used; Ping is for that.
	PingAfter, Ping time.Duration

	// Batch is for a batch, its connection included.
	Batch time.Duration

	// BatchPace is how long statements gather while a batch is under way, when they
	// don't fill one before. Where the database is near, a batch takes less, and one
	// at a time costs the least; where it is far, or commits are slow, waiting for it
	// would cost more than sending another one.
	BatchPace time.Duration

	// BatchLock is for a lock that a statement of a write batch needs. The server
	// then names the statement and rolls the batch back, well before Batch. It is
	// several times what another process's commit takes.
	BatchLock time.Duration

	// CancelDelay is how long a statement goes on after its caller has gone, before
	// the server is asked to cancel it. Most end within it, and a cancel request
	// takes a connection of its own to the server.
	CancelDelay time.Duration

	// Cancel is how long after its context's end a statement has to end, CancelDelay
	// included. It leaves a cancel request the five round trips that it takes with
	// TLS, at 100 ms each. A connection that takes longer is given up, so a dead one
	// is noticed in less than a second.
	Cancel time.Duration
}

// acquireTimeout is the usual Acquire, which errors name.
const acquireTimeout = time.Second

// minStatementTime is what a caller has to have left for a statement to be worth its
// while: about what a statement with its commit takes.
const minStatementTime = 2 * time.Millisecond

// UsualBounds returns those of a service.
func UsualBounds() Bounds {
	return Bounds{
		Connect:         3 * time.Second,
		OtherHosts:      100 * time.Millisecond,
		AskAfter:        10 * time.Second,
		Acquire:         acquireTimeout,
		Alone:           7 * time.Second,
		Statement:       5 * time.Second,
		TransactionLock: 2 * time.Second,
		PingAfter:       time.Second,
		Ping:            500 * time.Millisecond,
		Batch:           250 * time.Millisecond,
		BatchPace:       5 * time.Millisecond,
		BatchLock:       75 * time.Millisecond,
		CancelDelay:     100 * time.Millisecond,
		Cancel:          750 * time.Millisecond,
	}
}
