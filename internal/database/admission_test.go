package database

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// newQueue returns the queue of a pool, and its log.
func newQueue(conns int) (*queue, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return &queue{conns: conns, acquireTimeout: acquireTimeout, logger: slog.New(slog.NewTextHandler(log, nil))}, log
}

// enter has n calls enter, and wants them let in.
func enter(t *testing.T, q *queue, n int) {
	t.Helper()
	for i := range n {
		if err := q.enter(t.Context()); err != nil {
			t.Fatalf("call %d of %d: %v", i+1, n, err)
		}
	}
}

// refuses wants the next call refused.
func refuses(t *testing.T, q *queue) {
	t.Helper()
	if err := q.enter(t.Context()); !errors.Is(err, errOverloaded) {
		t.Fatalf("a call more: %v, want errOverloaded", err)
	}
}

func TestAQueueIsAsLongAsCanBeServedInTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		conns   int
		hold    time.Duration
		waiting int // At most.
	}{
		{1, 100 * time.Millisecond, 11},
		{4, 100 * time.Millisecond, 41},
		{8, 10 * time.Millisecond, 801},
		{16, 10 * time.Millisecond, maxWaiting + 1}, // Not 1601.
		{16, statementTimeout, 4},
		{1, statementTimeout, 1}, // The first that waits always may.
	} {
		q, _ := newQueue(test.conns)
		enter(t, q, 1)
		q.leave(test.hold, true)
		enter(t, q, test.conns+test.waiting)
		refuses(t, q)
		refuses(t, q) // Itself it makes the queue no longer.
		q.leave(test.hold, true)
		enter(t, q, 1)
		refuses(t, q)
	}
}

func TestNoCallIsRefusedBeforeOneHasEnded(t *testing.T) {
	t.Parallel()
	q, _ := newQueue(1)
	enter(t, q, 1+maxWaiting)
}

func TestCallsWithoutAConnectionSayNothingOfItsUse(t *testing.T) {
	t.Parallel()
	q, _ := newQueue(1)
	enter(t, q, 2)
	q.leave(time.Second, true)
	q.leave(0, false)
	if q.hold != time.Second || q.calls != 0 {
		t.Errorf("hold %v with %d calls, want 1s and none", q.hold, q.calls)
	}
}

func TestAQueueForgetsWhatWasSlow(t *testing.T) {
	t.Parallel()
	q, _ := newQueue(1)
	enter(t, q, 1)
	q.leave(statementTimeout, true)
	for range 100 {
		enter(t, q, 1)
		q.leave(time.Millisecond, true)
	}
	enter(t, q, 90) // At 11 ms each at the most.
}

func TestAFullPoolThatAnswersIsServing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, _ := newQueue(2)
		check := func(when string, want bool) {
			t.Helper()
			if got := q.serving(); got != want {
				t.Errorf("%s: serving = %t", when, got)
			}
		}
		enter(t, q, 3)
		check("before any answer", false)
		q.leave(time.Millisecond, false)
		check("after a statement that failed", false)
		q.leave(time.Millisecond, true)
		check("with a connection to spare", false)
		enter(t, q, 1)
		check("full, after an answer", true)
		time.Sleep(answeredKept)
		check("a second later", false)
	})
}

func TestAFullPoolThatAnswersIsReadyWithoutALook(t *testing.T) {
	t.Parallel()
	store, err := Open(Config{URL: "postgres://u@127.0.0.1:1/d", MaxConns: 2, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	enter(t, store.queue, 3)
	store.queue.leave(time.Millisecond, true)
	store.queue.answeredAt = time.Now().Add(time.Minute) // However slow the test is.
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	store.queue.leave(time.Millisecond, false)
	if err := store.Ready(t.Context()); err == nil {
		t.Error("ready with a connection to spare and no database")
	}
}

func TestAnOverloadIsLoggedTwiceInFiveSecondsAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, log := newQueue(1)
		enter(t, q, 1)
		q.leave(2*time.Second, true)
		overload := func() {
			enter(t, q, 2)
			for range 10 {
				refuses(t, q)
			}
			q.leave(0, true)
			q.leave(0, true)
		}
		for range 10 { // Within the interval, one overload.
			overload()
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(sheddingLogInterval)
		enter(t, q, 1)
		q.leave(0, true)
		overload()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "is overloaded") ||
			!strings.Contains(lines[1], "no longer overloaded") || !strings.Contains(lines[1], "refused=100") ||
			!strings.Contains(lines[2], "is overloaded") {
			t.Errorf("the log:\n%s", log)
		}
	})
}

func TestCallsAtOnceAreAllCounted(t *testing.T) {
	t.Parallel()
	q, _ := newQueue(4)
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for range 100 {
				if q.enter(t.Context()) == nil {
					_ = q.serving()
					q.leave(time.Millisecond, true)
				}
			}
		})
	}
	group.Wait()
	if q.calls != 0 {
		t.Errorf("%d calls are left", q.calls)
	}
}
