package database

import "time"

// Stats is what a DB does at the moment, and what it has done since it was opened, for
// metrics.
type Stats struct {
	// Up is false while attempts to connect fail, unless a statement was answered since
	// the last of them. A server whose connections are all taken is up.
	Up bool

	// The connections of the pool, and how many there may be.
	Used, Idle, Opening, MaxConns int

	// Connects counts attempts to connect, and ConnectFailures those that failed.
	Connects, ConnectFailures int64

	// Waits counts the times that no connection was idle, and WaitTime is their sum.
	Waits    int64
	WaitTime time.Duration

	Lanes []LaneStats

	// WaitingAlone is how many statements wait for a connection outside of batches.
	WaitingAlone int

	// Refused counts statements that would have waited too long.
	Refused int64

	Reruns Reruns
}

// LaneStats is what a lane does at the moment.
type LaneStats struct {
	Lane     Lane
	Waiting  int // Statements that wait for a batch.
	InFlight int // Batches.
}

// Reruns counts the runs of statements after their first one, by cause.
type Reruns struct {
	Batch      int64 // Alone, after their batch failed or was late.
	RolledBack int64 // In a new batch, without the statement that failed.
	Connection int64 // On a new connection.
	Conflict   int64 // After a conflict with another transaction.
}

// Stats returns the DB's statistics.
func (db *DB) Stats() Stats {
	pool := db.pool.Stat()
	s := Stats{
		Used:     int(pool.AcquiredConns()),
		Idle:     int(pool.IdleConns()),
		Opening:  int(pool.ConstructingConns()),
		MaxConns: int(pool.MaxConns()),
		Waits:    pool.EmptyAcquireCount(),
		WaitTime: pool.EmptyAcquireWaitTime(),
	}
	var failedAt time.Time
	failedAt, s.Connects, s.ConnectFailures = db.backoff.stats()
	s.Up = failedAt.IsZero() || db.admission.lastAnswer().After(failedAt)
	s.WaitingAlone, s.Refused = db.admission.stats()
	s.Reruns.Connection, s.Reruns.Conflict = db.connectionReruns.Load(), db.conflictReruns.Load()
	for _, l := range db.lanes() {
		s.Lanes = append(s.Lanes, l.stats(&s.Reruns))
	}
	return s
}

// stats returns the lane's statistics, and adds its reruns to all.
func (l *lane) stats(all *Reruns) LaneStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	all.Batch += l.reruns.Batch
	all.RolledBack += l.reruns.RolledBack
	return LaneStats{Lane: l.name, Waiting: len(l.waiting), InFlight: l.taken}
}

// stats returns how many statements wait, and how many were refused.
func (a *admission) stats() (waiting int, refused int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	waiting = max(0, a.all.calls-a.all.conns)
	for _, owner := range a.owners {
		waiting += max(0, owner.calls-owner.conns)
	}
	return waiting, a.refusedEver
}

// lastAnswer returns when a statement was answered last.
func (a *admission) lastAnswer() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answeredAt
}

// stats returns when the last attempt to connect failed, zero when it did not, or only
// since the server was full; and how many attempts there were.
func (b *backoff) stats() (failedAt time.Time, connects, failed int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures > 0 && !hasState(b.cause, tooManyConnections) {
		failedAt = b.failedAt
	}
	return failedAt, b.connects, b.failed
}
