package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// passes returns how many of calls are let through.
func passes(l *limiter, user User, calls int) int {
	var passed int
	for range calls {
		if l.allow(user) == nil {
			passed++
		}
	}
	return passed
}

func TestACallerHasABurstAndThenItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(100)
		fast, calm := userName("fast"), userName("calm")
		check := func(when string, user User, want int) {
			t.Helper()
			if got := passes(l, user, 1000); got != want {
				t.Errorf("%s: %d calls of %v pass, want %d", when, got, user, want)
			}
		}
		check("at first", fast, 200)
		check("at the same time", calm, 200)
		check("at the same time, again", fast, 0)
		time.Sleep(100 * time.Millisecond)
		check("a tenth of a second later", fast, 10)
		time.Sleep(time.Second)
		check("a second later", fast, 100)
		time.Sleep(time.Hour)
		check("after an hour", fast, 200)
	})
}

// TestARefusedCallerNeedWaitForOneSecondOnly: that is what it is advised.
func TestARefusedCallerNeedWaitForOneSecondOnly(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []int{1, 3, 100_000} {
		synctest.Test(t, func(t *testing.T) {
			l, user := newLimiter(perSecond), userName("u")
			passes(l, user, minBurst+2*perSecond)
			if l.allow(user) == nil {
				t.Fatalf("%d a second: not refused", perSecond)
			}
			time.Sleep(time.Second)
			if l.allow(user) != nil {
				t.Errorf("%d a second: refused after a second", perSecond)
			}
		})
	}
}

// TestAStreamWaitsForItsPages reads more of them than a burst, and leaves one that it
// waits for.
func TestAStreamWaitsForItsPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, user := newLimiter(10), userName("u")
		wait := func(ctx context.Context, pages int, want error, took time.Duration) {
			t.Helper()
			start := time.Now()
			for range pages {
				if err := l.wait(ctx, user); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			}
			if got := time.Since(start).Round(time.Millisecond); got != took {
				t.Errorf("%d pages take %v, want %v", pages, got, took)
			}
		}
		wait(t.Context(), minBurst, nil, 0)
		wait(t.Context(), 50, nil, 5*time.Second)
		ctx, leave := context.WithTimeout(t.Context(), 60*time.Millisecond)
		defer leave()
		wait(ctx, 1, context.DeadlineExceeded, 60*time.Millisecond)
		wait(t.Context(), 1, nil, 40*time.Millisecond)
		user = "another"
		wait(t.Context(), minBurst, nil, 0)
	})
}

func TestNobodyIsLimitedWithoutALimit(t *testing.T) {
	t.Parallel()
	if l := newLimiter(0); passes(l, userName("u"), 10_000) != 10_000 || len(l.buckets) != 0 {
		t.Error("a call is refused or remembered")
	}
}

func TestOnlyFullBucketsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(10)
		fast := userName("fast")
		passes(l, fast, minBurst)
		for n := range 10 * minBuckets {
			passes(l, fast, 1) // Keeps its bucket empty.
			if l.allow(fast) == nil {
				t.Fatalf("after %d others, a caller above its rate was forgotten", n)
			}
			if err := l.allow(userName(fmt.Sprint(n))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // So 100 others at a time have no full bucket.
		}
		if got := len(l.buckets); got > minBuckets {
			t.Errorf("%d buckets, want %d at most", got, minBuckets)
		}
	})
}

func TestTheNumberOfBucketsIsBoundedWhoeverCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1)
		var most int
		for n := range 2 * maxBuckets { // All at one time, so that no bucket fills.
			if err := l.allow(userName(fmt.Sprint(n))); err != nil {
				t.Fatal(err)
			}
			most = max(most, len(l.buckets))
		}
		if most > maxBuckets {
			t.Errorf("%d buckets, want %d at most", most, maxBuckets)
		}
	})
}

func TestCallsAtOnceAreCountedOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(50)
		users := make([]userName, 4)
		passed := make([]atomic.Int64, len(users))
		for i := range users {
			users[i] = userName(fmt.Sprint(i))
		}
		var group sync.WaitGroup
		for n := range 128 {
			group.Go(func() {
				for range 20 {
					if l.allow(users[n%len(users)]) == nil {
						passed[n%len(users)].Add(1)
					}
				}
				for other := range 20 { // Has the map swept meanwhile.
					_ = l.allow(userName(fmt.Sprint("other ", n, " ", other)))
				}
			})
		}
		group.Wait()
		for i := range passed {
			if got := passed[i].Load(); got != 100 {
				t.Errorf("%d calls of %v pass, want 100", got, users[i])
			}
		}
	})
}
