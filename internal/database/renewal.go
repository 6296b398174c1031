package database

import (
	"errors"
	"sync"
	"time"
)

// readOnlyInterval is how long new connections that turn out read-only are put
// up with before others are tried.
const readOnlyInterval = time.Second

// outdated reports whether the server refused a statement before it ran, for
// what the connection it came on has been overtaken by.
func outdated(err error) bool {
	return hasState(err, cachedPlanChanged, readOnly)
}

// renewal tells new connections from old ones.
type renewal struct {
	mu         sync.Mutex
	generation int       // Of the connections that are made now.
	readOnlyAt time.Time // When it rose last because a server was read-only.
}

// renew has the pool make new connections instead of those of a generation and
// before, when a statement's error on one says that it will come on the others
// too: what ended one has probably ended its neighbours, or made their prepared
// statements stale; and where one leads to a server that has become a standby,
// all do. It reports whether a further attempt gets a new connection.
//
// A database that is read-only on new connections too is left alone for a
// while, lest its reads lose their connections to each write in vain.
func (db *DB) renew(generation int, err error) bool {
	_, lost := errors.AsType[*lostConnectionError](err)
	if !lost && !outdated(err) {
		return false
	}
	r := &db.renewal
	r.mu.Lock()
	defer r.mu.Unlock()
	if generation != r.generation {
		return true // Another call was first.
	}
	if hasState(err, readOnly) {
		now := time.Now()
		if now.Sub(r.readOnlyAt) < readOnlyInterval {
			return false
		}
		r.readOnlyAt = now
	}
	r.generation++
	db.pool.Reset()
	if db.primary != nil {
		db.primary.forget()
	}
	return true
}

func (r *renewal) current() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.generation
}
