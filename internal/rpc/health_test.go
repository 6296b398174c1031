package rpc

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
		h := &health{ping: func(context.Context) error {
			looks.Add(1)
			time.Sleep(500 * time.Millisecond)
			return nil
		}}
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
		time.Sleep(pingKept + time.Millisecond)
		ask(100)
		if got := looks.Load(); got != 2 {
			t.Errorf("%d looks in two seconds", got)
		}
	})
}

func TestADatabaseThatHangsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &health{ping: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		began := time.Now()
		if h.ready(t.Context()) {
			t.Error("ready")
		}
		if took := time.Since(began); took != pingTimeout {
			t.Errorf("it took %v", took)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		time.Sleep(pingKept + time.Millisecond)
		if err := h.database(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("whoever can't wait: %v", err)
		}
		time.Sleep(pingTimeout) // The look ends by itself.
	})
}

func TestAHealthWatchHearsOfChangesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &health{ping: func(context.Context) error { return nil }}
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
