package database

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// randomRunner stands for a database on which anything may happen. A statement's
// argument is its number.
type randomRunner struct {
	mu      sync.Mutex
	stored  map[int]int // How often a write took effect.
	batches int         // That served several.
	failed  int         // Batches.
}

// randomTime is most often short, and now and then about as long as a batch may take.
func randomTime() time.Duration {
	if rand.IntN(1000) == 0 {
		return UsualBounds().Batch*time.Duration(1+rand.IntN(2)) + time.Duration(rand.IntN(3)-1)
	}
	return rand.N(2 * time.Millisecond)
}

// store has calls take effect.
func (r *randomRunner) store(statements ...*Statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range statements {
		if number, ok := s.Args[0].(int); ok && s.writes() {
			r.stored[number]++
		}
	}
}

func (r *randomRunner) runAlone(ctx context.Context, s *Statement, _ time.Duration) error {
	if err := sleep(ctx, rand.N(2*time.Millisecond)); err != nil {
		return interpret(ctx, s.Name, err)
	}
	r.store(s)
	return nil
}

func (r *randomRunner) runBatch(ctx context.Context, calls []*call) (failed int, err error) {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case err != nil:
			r.failed++
		case len(calls) > 1:
			r.batches++
		}
	}()
	if err := sleep(ctx, randomTime()); err != nil {
		return -1, &noConnectionError{err}
	}
	i := rand.IntN(len(calls))
	if sleep(ctx, randomTime()) != nil {
		return i, &pgconn.PgError{Code: queryCanceled, SeverityUnlocalized: "ERROR"}
	}
	lost := &lostConnectionError{errors.New("reset by peer")}
	switch rand.IntN(20) {
	case 0:
		return i, &pgconn.PgError{Code: lockNotAvailable, SeverityUnlocalized: "ERROR"}
	case 1:
		return -1, lost
	}
	for _, c := range calls {
		r.store(&Statement{Owner: c.Owner, Args: c.Args})
	}
	if rand.IntN(20) == 0 {
		return -1, lost // After the commit.
	}
	return -1, nil
}

func (r *randomRunner) refuse(context.Context, *Statement, int) error { return ErrUnavailable }

// TestWhateverHappensCallsAreServedOnceAndInTime has many callers at once, some of whom
// leave, and batches that fail in all ways.
func TestWhateverHappensCallsAreServedOnceAndInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers, slots, enough = 64, 3, 50
		r := &randomRunner{stored: make(map[int]int)}
		l := newLane(r, slots, UsualBounds())
		db := &DB{reads: l, writes: l}
		var mu sync.Mutex
		ended := make(map[string]int)
		isEnough := func() bool {
			mu.Lock()
			defer mu.Unlock()
			r.mu.Lock()
			defer r.mu.Unlock()
			return min(ended["served"], ended["left"], ended["in doubt"], r.batches, r.failed) >= enough
		}
		var count atomic.Int64
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				for !isEnough() {
					ctx, cancel := context.WithCancel(t.Context())
					if rand.IntN(8) == 0 {
						ctx, cancel = context.WithTimeout(t.Context(), minStatementTime+rand.N(10*time.Millisecond))
					}
					number, kind := int(count.Add(1)), rand.IntN(2)
					s := Statement{Name: "s", Args: []any{number}, Owner: fmt.Sprint("u", rand.IntN(20)), Idempotent: kind == 0}
					began := time.Now()
					err := db.Run(ctx, s)
					if took := time.Since(began); took > acquireTimeout+3*UsualBounds().Batch {
						t.Errorf("a call took %v", took)
					}
					r.mu.Lock()
					stored := r.stored[number]
					r.mu.Unlock()
					how := "served"
					switch {
					case err == nil && (stored == 0 || stored > 1 && !s.Idempotent):
						t.Errorf("a call that was acknowledged is stored %d times", stored)
					case err == nil:
					case ctx.Err() != nil && errors.Is(err, ctx.Err()):
						how = "left"
					case errors.Is(err, errUnknownOutcome) && !s.Idempotent && stored <= 1:
						how = "in doubt"
					default:
						t.Errorf("a call, stored %d times: %v", stored, err)
					}
					cancel()
					mu.Lock()
					ended[how]++
					mu.Unlock()
					time.Sleep(rand.N(10 * time.Millisecond))
				}
			})
		}
		group.Wait()
		time.Sleep(time.Second) // For batches whose callers have left.
		t.Logf("%v; %d batches of several, %d failed", ended, r.batches, r.failed)
		l.mu.Lock()
		defer l.mu.Unlock()
		running := slices.ContainsFunc(slices.Collect(maps.Values(l.cooldowns.owners)), func(o *ownerCooldown) bool { return o.running != 0 })
		if l.taken != 0 || len(l.waiting) != 0 || len(l.busy) != 0 || l.young != 0 || l.gathered != (size{}) || running {
			t.Errorf("%d slots are taken, %d calls wait, %d owners are busy in the end, or run alone: %t", l.taken, len(l.waiting), len(l.busy), running)
		}
	})
}
