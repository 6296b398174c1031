package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/grpchealth"
)

func TestManyWhoAskAreOneLookAtTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int32
		h := newHealth(func(context.Context) error {
			looks.Add(1)
			time.Sleep(500 * time.Millisecond)
			return nil
		})
		ask := func(count int) {
			var asking sync.WaitGroup
			for range count {
				asking.Go(func() {
					if !h.ready(t.Context()) {
						t.Error("not ready")
					}
				})
			}
			asking.Wait()
		}
		ask(100)
		ask(100)
		if got := looks.Load(); got != 1 {
			t.Errorf("%d looks within a second", got)
		}
		time.Sleep(pingTTL + time.Millisecond)
		ask(100)
		if got := looks.Load(); got != 2 {
			t.Errorf("%d looks in two seconds", got)
		}
	})
}

func TestADatabaseThatHangsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHealth(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		began := time.Now()
		if h.ready(t.Context()) {
			t.Error("ready")
		}
		if took := time.Since(began); took != pingTimeout {
			t.Errorf("it took %v", took)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		time.Sleep(pingTTL + time.Millisecond)
		if err := h.database(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("whoever can't wait: %v", err)
		}
		time.Sleep(pingTimeout) // The check ends by itself.
	})
}

func TestAHealthWatchHearsOfChangesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHealth(func(context.Context) error { return nil })
		var heard atomic.Int32
		stop, err := h.Watch(t.Context(), &grpchealth.CheckRequest{}, func() { heard.Add(1) })
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3*watchInterval + time.Millisecond)
		stop()
		synctest.Wait()
		before := heard.Load()
		time.Sleep(10 * watchInterval)
		if before != 3 || heard.Load() != before {
			t.Errorf("heard %d times in 3 s, %d times after the stop", before, heard.Load()-before)
		}
	})
}

func TestAHealthWatchThatIsStoppedCallsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHealth(func(context.Context) error { return nil })
		begun := make(chan struct{}, 1000)
		var calling atomic.Bool
		stop, err := h.Watch(t.Context(), &grpchealth.CheckRequest{}, func() {
			calling.Store(true)
			begun <- struct{}{}
			time.Sleep(time.Hour)
			calling.Store(false)
		})
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		stop()
		if calling.Load() {
			t.Error("stop returned before what it stops")
		}
	})
}

func TestAClosedHealthChecksNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var checking atomic.Bool
		h := newHealth(func(ctx context.Context) error {
			checking.Store(true)
			<-ctx.Done()
			checking.Store(false)
			return ctx.Err()
		})
		go h.ready(t.Context())
		synctest.Wait()
		if !checking.Load() {
			t.Fatal("nothing is checked")
		}
		h.close() // And no time passes.
		if checking.Load() {
			t.Error("the check goes on")
		}
		time.Sleep(pingTTL + time.Millisecond)
		if h.ready(t.Context()) || h.database(t.Context()) == nil || checking.Load() {
			t.Error("it checks the database again")
		}
	})
}
