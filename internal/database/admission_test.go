package database

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// testAdmission returns the admission to so many connections, and its log.
func testAdmission(conns int) (*admission, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return newAdmission(conns, acquireTimeout, slog.New(slog.NewTextHandler(log, nil))), log
}

// counts has n statements come, and wants all of them counted.
func counts(t *testing.T, a *admission, n int) {
	t.Helper()
	for i := range n {
		if b, _, _ := a.count(""); b == nil {
			t.Fatalf("statement %d of %d is refused", i+1, n)
		}
	}
}

// refuses wants the next statement refused.
func refuses(t *testing.T, a *admission) {
	t.Helper()
	if _, err := a.enter(t.Context(), ""); !errors.Is(err, errOverloaded) {
		t.Fatalf("a statement more: %v, want errOverloaded", err)
	}
}

func TestAsManyStatementsWaitAsCanBeServedInTime(t *testing.T) {
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
		{16, UsualBounds().Statement, 4},
		{1, UsualBounds().Statement, 1}, // The first that waits always may.
	} {
		a, _ := testAdmission(test.conns)
		counts(t, a, 1)
		a.uncount(a.all, test.hold)
		counts(t, a, test.conns+test.waiting)
		refuses(t, a)
		refuses(t, a) // One that is refused doesn't wait.
		a.uncount(a.all, test.hold)
		counts(t, a, 1)
		refuses(t, a)
	}
}

func TestNoStatementIsRefusedBeforeOneHasEnded(t *testing.T) {
	t.Parallel()
	a, _ := testAdmission(1)
	counts(t, a, 1+maxWaiting)
}

func TestStatementsWithoutAConnectionSayNothingOfItsUse(t *testing.T) {
	t.Parallel()
	a, _ := testAdmission(1)
	counts(t, a, 2)
	a.uncount(a.all, time.Second)
	a.uncount(a.all, 0)
	if a.hold != time.Second || a.all.calls != 0 {
		t.Errorf("hold %v with %d statements, want 1s and none", a.hold, a.all.calls)
	}
}

func TestAnAdmissionForgetsWhatWasSlow(t *testing.T) {
	t.Parallel()
	a, _ := testAdmission(1)
	counts(t, a, 1)
	a.uncount(a.all, UsualBounds().Statement)
	for range 100 {
		counts(t, a, 1)
		a.uncount(a.all, time.Millisecond)
	}
	counts(t, a, 90) // At 11 ms each at the most.
}

func TestOneSlowStatementSaysLittleOfTheOthers(t *testing.T) {
	t.Parallel()
	a, _ := testAdmission(1)
	end := func(held time.Duration) {
		counts(t, a, 1)
		a.uncount(a.all, held)
	}
	end(time.Millisecond)
	end(UsualBounds().Statement)
	if a.hold != 2*time.Millisecond {
		t.Errorf("after one slow statement a statement is said to take %v, want 2ms", a.hold)
	}
	for range 12 { // As many as batches leave connections.
		end(UsualBounds().Statement)
	}
	if a.hold < acquireTimeout {
		t.Errorf("when all are slow a statement is said to take %v", a.hold)
	}
}

func TestAStatementWaitsForAConnectionOrItsContextsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const hold = 10 * time.Millisecond
		a, _ := testAdmission(1)
		leave, err := a.enter(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(hold, leave)
		ctx, cancel := context.WithTimeoutCause(t.Context(), hold/2, errPoolBusy)
		defer cancel()
		if _, err := a.enter(ctx, ""); !errors.Is(err, errPoolBusy) {
			t.Errorf("one with less time: %v, want its context's cause", err)
		}
		began := time.Now()
		leave, err = a.enter(t.Context(), "")
		if waited := time.Since(began); err != nil || waited != hold/2 {
			t.Errorf("one with time: %v after %v", err, waited)
		}
		if leave(); a.hold != hold || a.all.calls != 0 {
			t.Errorf("hold %v with %d statements, want %v and none", a.hold, a.all.calls, hold)
		}
	})
}

func TestAFullPoolThatAnswersIsServing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := testAdmission(2)
		check := func(when string, want bool) {
			t.Helper()
			if got := a.serving(); got != want {
				t.Errorf("%s: serving = %t", when, got)
			}
		}
		counts(t, a, 2)
		check("before any answer", false)
		a.answered()
		check("full, after an answer", true)
		a.uncount(a.all, time.Millisecond)
		check("with a connection to spare", false)
		counts(t, a, 1)
		check("full again", true)
		time.Sleep(answeredKept)
		check("a second later", false)
	})
}

func TestAnOverloadIsLoggedTwiceInFiveSecondsAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, log := testAdmission(1)
		counts(t, a, 1)
		a.uncount(a.all, 2*time.Second)
		overload := func() {
			counts(t, a, 2)
			for range 10 {
				refuses(t, a)
			}
			a.uncount(a.all, 0)
			a.uncount(a.all, 0)
		}
		for range 10 { // Within the interval, one overload.
			overload()
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(sheddingLogInterval)
		leave, err := a.enter(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		leave()
		overload()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "is overloaded") ||
			!strings.Contains(lines[1], "no longer overloaded") || !strings.Contains(lines[1], "refused=100") ||
			!strings.Contains(lines[2], "is overloaded") {
			t.Errorf("the log:\n%s", log)
		}
	})
}

func TestStatementsAtOnceAreAllCounted(t *testing.T) {
	t.Parallel()
	const conns = 4
	a, _ := testAdmission(conns)
	in := make(chan struct{}, conns)
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for range 100 {
				leave, err := a.enter(t.Context(), "")
				if err != nil {
					continue
				}
				select {
				case in <- struct{}{}:
					<-in
				default:
					t.Errorf("more than %d have a connection", conns)
				}
				_ = a.serving()
				leave()
			}
		})
	}
	group.Wait()
	if a.all.calls != 0 {
		t.Errorf("%d statements are left", a.all.calls)
	}
}

// TestWhatAStatementHasWaitedIsPartOfItsTime has it wait for all of it, before it could
// find out that there is no database.
func TestWhatAStatementHasWaitedIsPartOfItsTime(t *testing.T) {
	t.Parallel()
	bounds := UsualBounds()
	bounds.Acquire = time.Hour
	db, err := Open(Config{URL: "postgres://u@127.0.0.1:1/d", MaxConns: 1, Logger: slog.New(slog.DiscardHandler), Bounds: bounds})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.runAlone(t.Context(), &Statement{}, bounds.Alone); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errLate) {
		t.Errorf("%v, want ErrUnavailable since it is late", err)
	}
}
