package server

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// burstSeconds is how many seconds' worth of calls a user may make at once
	// after a pause of as long.
	burstSeconds = 2
	// minBurst is the least that a user may make at once: what the largest single call
	// counts as, by [Charge].
	minBurst = 100

	// A full bucket holds no information, so full buckets are removed: whenever
	// there are twice as many as were kept the last time, and at least minBuckets,
	// below which looking for them is not worth it.
	minBuckets = 1 << 10
	// maxBuckets bounds the memory, to about 20 MB. With more users within
	// burstSeconds, some buckets are removed before they are full, so their users
	// may make a few calls too many.
	maxBuckets = 1 << 16
)

// errRateLimited rejects a call of a user who is above the rate limit.
var errRateLimited = errors.New("server: the caller is above its rate")

// limiter limits the rate of each user's calls by a token bucket. Addresses do not
// count: many users may share one, and the header that names it can be forged.
// Each process counts by itself.
type limiter struct {
	perSecond int // 0 means no limit.

	mu      sync.Mutex
	buckets map[User]*rate.Limiter
	sweepAt int // The number of buckets at which sweep is called.
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
	if !l.bucket(user, now).AllowN(now, 1) {
		return errRateLimited
	}
	return nil
}

// wait counts a page of a stream, as soon as the rate allows: in the order in which a
// user's streams came. It fails with the error of a context that ends before, and counts
// nothing then.
func (l *limiter) wait(ctx context.Context, user User) error {
	if l.perSecond == 0 {
		return nil
	}
	l.mu.Lock()
	now := time.Now()
	page := l.bucket(user, now).ReserveN(now, 1)
	l.mu.Unlock()
	delay := page.DelayFrom(now)
	if delay == 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		page.Cancel()
		return ctx.Err()
	}
}

// allowMore counts a call as more than it was counted as. When the user has to wait, it
// counts nothing, and fails with a rateLimitError: until a call may count as most.
func (l *limiter) allowMore(user User, more, most int) error {
	if l.perSecond == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	bucket := l.bucket(user, now)
	if bucket.AllowN(now, more) {
		return nil
	}
	lacking := float64(min(most, l.burst())) - bucket.TokensAt(now)
	return &rateLimitError{wait: time.Duration(lacking / float64(l.perSecond) * float64(time.Second))}
}

// bucket returns a user's bucket.
func (l *limiter) bucket(user User, now time.Time) *rate.Limiter {
	bucket, ok := l.buckets[user]
	if !ok {
		if len(l.buckets) >= l.sweepAt {
			l.sweep(now)
		}
		bucket = rate.NewLimiter(rate.Limit(l.perSecond), l.burst())
		l.buckets[user] = bucket
	}
	return bucket
}

func (l *limiter) burst() int { return max(minBurst, burstSeconds*l.perSecond) }

// sweep removes the full buckets, and others while there are too many.
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
