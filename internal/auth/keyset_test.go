package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// bubble runs a test in a world whose clock stands still but for sleeps, after
// the first fetch has ended.
func bubble(t *testing.T, cfg auth.KeySetConfig, test func(w *world)) {
	t.Helper()
	testKeys() // Takes long, and is nobody's time in there.
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cfg, nil)
		synctest.Wait()
		test(w)
	})
}

func TestARotationCostsOneFetchHoweverManyComeAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{}, func(w *world) {
		w.wire.delay.Store(int64(100 * time.Millisecond))
		before := w.issuer.Token("alice")
		if err := w.issuer.Rotate(); err != nil {
			w.Fatal(err)
		}
		after := w.issuer.Token("alice")
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() { w.accepts(after) })
		}
		synctest.Wait() // All of them wait for the fetch.
		callers.Go(func() { w.accepts(after) })
		w.accepts(before)
		callers.Wait()
		w.fetched(2)
	})
}

func TestAFetchThatLeftBeforeTheRotationIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Hour}, func(w *world) {
		old, answer := keySetOf(w.issuer), make(chan struct{})
		w.issuer.Answer(http.HandlerFunc(func(res http.ResponseWriter, _ *http.Request) {
			<-answer
			_, _ = io.WriteString(res, old)
		}))
		time.Sleep(time.Hour)
		synctest.Wait() // The refresh is on its way.
		w.issuer.Heal()
		if err := w.issuer.Rotate(); err != nil {
			w.Fatal(err)
		}
		token := w.issuer.Token("alice")
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() { w.accepts(token) })
		}
		synctest.Wait()
		close(answer)
		callers.Wait()
		w.fetched(1 + 1 + 1 + 1) // The first, keySetOf's, the refresh, and the one that follows.
	})
}

func TestUnknownKeyIDsCauseFewFetches(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{}, func(w *world) {
		good := w.issuer.Token("alice")
		for second := range 10 {
			var callers sync.WaitGroup
			for i := range 100 {
				token := w.unknownKeyToken(fmt.Sprintf("made-up-%d-%d", second, i))
				callers.Go(func() { w.refuses(token, auth.ReasonUnknownKey) })
			}
			callers.Wait()
			w.accepts(good)
			time.Sleep(time.Second)
		}
		w.fetched(1 + 2)
		w.refuses(w.unknownKeyToken("made-up"), auth.ReasonUnknownKey)
		w.fetched(1 + 2 + 1) // Ten seconds after the first: allowed again.
	})
}

// TestFewCallsWaitForAFetch has as many wait as may, with key IDs that are made up or
// before there are keys. One more is answered at once, and so are calls whose key is
// known.
func TestFewCallsWaitForAFetch(t *testing.T) {
	t.Parallel()
	const most = 1024
	testKeys()
	for name, test := range map[string]struct {
		haveKeys bool
		waiter   func(w *world, token string)
		oneMore  func(w *world, token string)
	}{
		"with keys": {
			true,
			func(w *world, _ string) { w.refuses(w.unknownKeyToken("made-up"), auth.ReasonUnknownKey) },
			func(w *world, token string) {
				w.refuses(w.unknownKeyToken("made-up"), auth.ReasonUnknownKey)
				w.accepts(token)
			},
		},
		"without": {false, (*world).accepts, (*world).lacksKeys},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				slow := func(wire *wire) { wire.delay.Store(int64(time.Second)) }
				w := newWorld(t, auth.KeySetConfig{}, func(_ *authtest.Issuer, wire *wire) {
					if !test.haveKeys {
						slow(wire)
					}
				})
				token := w.issuer.Token("alice")
				if test.haveKeys {
					synctest.Wait()
					slow(w.wire)
				}
				var answered atomic.Int64
				var callers sync.WaitGroup
				for range most {
					callers.Go(func() {
						test.waiter(w, token)
						answered.Add(1)
					})
				}
				synctest.Wait()
				start := time.Now()
				test.oneMore(w, token)
				if waited, early := time.Since(start), answered.Load(); waited != 0 || early != 0 {
					w.Errorf("one more waited %v, and %d of %d did not", waited, early, most)
				}
				callers.Wait()
				time.Sleep(10 * time.Second) // The next fetch for an unknown key ID.
				if err := w.issuer.Rotate(); err != nil {
					w.Fatal(err)
				}
				w.accepts(w.issuer.Token("alice")) // There is room again.
			})
		})
	}
}

func TestACallerWhoLeavesStopsWaitingAlone(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{}, func(w *world) {
		w.wire.delay.Store(int64(time.Second))
		if err := w.issuer.Rotate(); err != nil {
			w.Fatal(err)
		}
		token := w.issuer.Token("alice")
		ctx, leave := context.WithCancel(w.Context())
		var callers sync.WaitGroup
		callers.Go(func() {
			if _, err := w.verifier.Verify(ctx, token); !errors.Is(err, context.Canceled) || errors.Is(err, auth.ErrRefused) {
				w.Errorf("Verify for a caller who left: %v, want context.Canceled", err)
			}
		})
		synctest.Wait() // The fetch is in flight, because of this caller.
		callers.Go(func() { w.accepts(token) })
		leave()
		callers.Wait()
		w.fetched(2)

		expired, cancel := context.WithTimeout(w.Context(), time.Millisecond)
		defer cancel()
		if _, err := w.verifier.Verify(expired, w.unknownKeyToken("made-up")); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("Verify beyond the caller's deadline: %v, want context.DeadlineExceeded", err)
		}
	})
}

func TestKeysAreRefreshedAtTheirTTLWithoutACallWaiting(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Hour}, func(w *world) {
		w.wire.delay.Store(int64(4 * time.Second))
		time.Sleep(time.Hour - time.Second)
		w.fetched(1)
		time.Sleep(2 * time.Second)
		start := time.Now()
		w.accepts(w.issuer.Token("alice"))
		if waited := time.Since(start); waited != 0 {
			w.Errorf("a call waited %v for the refresh", waited)
		}
		time.Sleep(4 * time.Second)
		w.fetched(2)
		time.Sleep(time.Hour)
		time.Sleep(4 * time.Second)
		w.fetched(3)
	})
}

func TestAKeyThatTheIssuerRemovesIsRefusedFromTheNextRefreshOn(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Minute}, func(w *world) {
		token := w.issuer.Token("alice")
		if err := w.issuer.Rotate(); err != nil {
			w.Fatal(err)
		}
		w.issuer.Retire(1)
		time.Sleep(59 * time.Second)
		w.accepts(token)
		time.Sleep(2 * time.Second)
		w.refuses(token, auth.ReasonUnknownKey)
		w.accepts(w.issuer.Token("alice"))
	})
}

func TestKeysServeUntilTheyAreTooOld(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Minute, MaxStale: time.Hour}, func(w *world) {
		fresh := func() string { return w.issuer.Token("alice") }
		w.issuer.Fail(http.StatusInternalServerError)
		time.Sleep(time.Hour)
		w.accepts(fresh())
		w.refuses(w.unknownKeyToken("made-up"), auth.ReasonUnknownKey)
		time.Sleep(time.Second)
		w.lacksKeys(fresh())
		w.lacksKeys(w.unknownKeyToken("made-up"))
		w.issuer.Heal()
		time.Sleep(10 * time.Second) // The longest pause while old keys serve.
		w.accepts(fresh())
	})
}

func TestATTLBeyondMaxStaleIsCutToIt(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Hour, MaxStale: time.Minute}, func(w *world) {
		for range 10 {
			time.Sleep(20 * time.Second)
			w.accepts(w.issuer.Token("alice"))
		}
	})
}

func TestDurationsHaveDefaults(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{}, func(w *world) {
		w.issuer.Fail(http.StatusInternalServerError)
		time.Sleep(time.Hour - time.Second)
		w.fetched(1)
		time.Sleep(2 * time.Second)
		if w.issuer.Fetches() == 1 {
			w.Error("the keys were not fetched again after an hour")
		}
		time.Sleep(23*time.Hour - 2*time.Second)
		w.accepts(w.issuer.Token("alice"))
		time.Sleep(2 * time.Second)
		w.lacksKeys(w.issuer.Token("alice"))
	})
}

func TestCloseLetsGoWhoeverWaits(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{}, func(w *world) {
		token := w.issuer.Token("alice")
		w.issuer.Hang()
		start := time.Now()
		var callers sync.WaitGroup
		callers.Go(func() { w.refuses(w.unknownKeyToken("made-up"), auth.ReasonUnknownKey) })
		synctest.Wait()
		w.keys.Close()
		w.keys.Close()
		callers.Wait()
		w.refuses(w.unknownKeyToken("another"), auth.ReasonUnknownKey)
		w.accepts(token)
		if waited := time.Since(start); waited != 0 {
			w.Errorf("the end took %v", waited)
		}
	})
}

// TestManyCallersThroughManyRotations is for the race detector, and against
// refusals of good tokens.
func TestManyCallersThroughManyRotations(t *testing.T) {
	t.Parallel()
	const callers = 64
	rotations := 1000
	if testing.Short() {
		rotations = 50
	}
	bubble(t, auth.KeySetConfig{TTL: time.Minute}, func(w *world) {
		w.wire.delay.Store(int64(10 * time.Millisecond))
		tokens := [2]string{w.issuer.Token("alice"), w.issuer.Token("alice")}
		for i := range rotations {
			if err := w.issuer.Rotate(); err != nil {
				w.Fatal(err)
			}
			w.issuer.Retire(2)
			tokens[i%2] = w.issuer.Token("alice")
			var verified sync.WaitGroup
			for caller := range callers {
				verified.Go(func() { w.accepts(tokens[caller%2]) })
			}
			verified.Wait()
			time.Sleep(6 * time.Second) // Two fetches in ten seconds, never three.
		}
	})
}
