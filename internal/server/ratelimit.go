package server

import (
	"errors"
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// burstSeconds is how many seconds' worth of calls a caller may make at
	// once, after having made none for as long.
	burstSeconds = 2

	// A full bucket says nothing, so full ones are forgotten: whenever there
	// are twice as many as were in use the last time, but not below
	// minBuckets, which are not worth the look.
	minBuckets = 1 << 10
	// maxBuckets bounds the memory, to some 20 MB. Beyond that many callers
	// within burstSeconds some are forgotten before their bucket is full, and
	// so are let through: the limit is there to stop one of them, not all.
	maxBuckets = 1 << 16
)

// errRateLimited says that a caller calls faster than its limit.
var errRateLimited = errors.New("server: the caller is above its rate")

// limiter bounds how fast each user calls, by a token bucket each: a call
// takes a token, and tokens come back at the limit's rate. Addresses don't
// count: behind one there may be many users, and the header that names it can
// be made up. Each process counts by itself.
type limiter struct {
	perSecond int // 0 for no limit.

	mu      sync.Mutex
	buckets map[User]*rate.Limiter
	sweepAt int // The number of buckets at which full ones are forgotten.
}

func newLimiter(perSecond int) *limiter {
	return &limiter{perSecond: perSecond, buckets: make(map[User]*rate.Limiter), sweepAt: minBuckets}
}

// allow counts a call. It fails with errRateLimited when the user has to wait,
// which is for a second at most.
func (l *limiter) allow(user User) error {
	if l.perSecond == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	bucket, ok := l.buckets[user]
	if !ok {
		if len(l.buckets) >= l.sweepAt {
			l.sweep(now)
		}
		bucket = rate.NewLimiter(rate.Limit(l.perSecond), l.burst())
		l.buckets[user] = bucket
	}
	if !bucket.AllowN(now, 1) {
		return errRateLimited
	}
	return nil
}

func (l *limiter) burst() int { return burstSeconds * l.perSecond }

// sweep forgets the buckets that are full, and as many others as it takes to
// keep the bound.
func (l *limiter) sweep(now time.Time) {
	maps.DeleteFunc(l.buckets, func(_ User, bucket *rate.Limiter) bool {
		return bucket.TokensAt(now) >= float64(l.burst())
	})
	for user := range l.buckets {
		if len(l.buckets) <= maxBuckets/2 {
			break
		}
		delete(l.buckets, user)
	}
	l.sweepAt = max(minBuckets, 2*len(l.buckets))
}
