package database

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool returns the connections, for tests that use them up or count them.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Hold returns how long a statement that runs alone has a connection for, in the mean.
func (db *DB) Hold() time.Duration {
	db.admission.mu.Lock()
	defer db.admission.mu.Unlock()
	return db.admission.hold
}

// Overload has so many statements want a connection that are never run, while the
// database answers.
func (db *DB) Overload(statements int) (end func()) {
	db.admission.mu.Lock()
	defer db.admission.mu.Unlock()
	db.admission.all.calls += statements
	db.admission.answeredAt = time.Now().Add(time.Hour) // However slow the test is.
	return func() {
		db.admission.mu.Lock()
		defer db.admission.mu.Unlock()
		db.admission.all.calls -= statements
	}
}

// Gather ends all cooldowns and takes all slots. Release gives them back, so that the
// calls that wait by then are in the next batches.
func (db *DB) Gather() (release func()) {
	for _, l := range db.lanes() {
		l.mu.Lock()
		l.cooldowns = cooldowns{owners: make(map[string]*ownerCooldown)}
		l.taken += l.slots
		l.mu.Unlock()
	}
	return func() {
		for _, l := range db.lanes() {
			l.mu.Lock()
			l.taken -= l.slots
			l.dispatch()
			l.mu.Unlock()
		}
	}
}

// Waiting returns how many calls wait for a batch.
func (db *DB) Waiting() (calls int) {
	for _, l := range db.lanes() {
		l.mu.Lock()
		calls += len(l.waiting)
		l.mu.Unlock()
	}
	return calls
}

// OnBatch has told called when a batch of so many calls has ended. It has to be called
// before the DB is used.
func (db *DB) OnBatch(told func(calls int, err error)) {
	for _, l := range db.lanes() {
		l.runner = observedRunner{l.runner, told}
	}
}

// observedRunner tells of batches that have ended.
type observedRunner struct {
	runner
	told func(calls int, err error)
}

func (r observedRunner) runBatch(ctx context.Context, calls []*call) (failed int, err error) {
	failed, err = r.runner.runBatch(ctx, calls)
	r.told(len(calls), err)
	return failed, err
}

// SearchPrimary has the next connection look for the primary among the hosts.
func (db *DB) SearchPrimary() { db.primary.forget() }
