package auth_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

func TestTheServiceStartsWithoutTheIssuerAndRecovers(t *testing.T) {
	t.Parallel()
	testKeys()
	for _, absence := range []time.Duration{0, 50 * time.Millisecond, 3 * time.Second, time.Hour} {
		t.Run("absent for "+absence.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, auth.KeySetConfig{}, func(_ *authtest.Issuer, wire *wire) { wire.down.Store(true) })
				time.Sleep(absence)
				w.lacksKeys(w.issuer.Token("alice"))
				w.wire.down.Store(false)
				time.Sleep(time.Second)
				w.accepts(w.issuer.Token("alice"))
				w.fetched(1)
			})
		})
	}
}

func TestCallsWaitForTheFirstFetch(t *testing.T) {
	t.Parallel()
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, func(_ *authtest.Issuer, wire *wire) {
			wire.delay.Store(int64(4 * time.Second))
		})
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() { w.accepts(w.issuer.Token("alice")) })
		}
		callers.Wait()
		w.fetched(1)
	})
}

func TestCallsWaitFiveSecondsForAnIssuerThatHangs(t *testing.T) {
	t.Parallel()
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, func(issuer *authtest.Issuer, _ *wire) { issuer.Hang() })
		start := time.Now()
		w.lacksKeys(w.issuer.Token("alice"))
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("a call without keys waited %v, want 5s", waited)
		}
		w.issuer.Heal()
		time.Sleep(time.Second)
		w.accepts(w.issuer.Token("alice"))

		w.issuer.Hang()
		start = time.Now()
		var callers sync.WaitGroup
		callers.Go(func() { w.refuses(w.unknownKeyToken("made-up"), auth.ReasonUnknownKey) })
		synctest.Wait()
		w.accepts(w.issuer.Token("alice"))
		if waited := time.Since(start); waited != 0 {
			t.Errorf("a call with a known key waited %v", waited)
		}
		callers.Wait()
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("a call with an unknown key waited %v, want 5s", waited)
		}
	})
}

func TestRetriesAreAtMostASecondApartAndNotMuchCloser(t *testing.T) {
	t.Parallel()
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, func(_ *authtest.Issuer, wire *wire) { wire.down.Store(true) })
		time.Sleep(time.Minute)
		requests := w.wire.requests()
		if len(requests) > 130 {
			t.Errorf("%d fetches in a minute without keys, want at most 130", len(requests))
		}
		for i, at := range requests[1:] {
			if pause := at.Sub(requests[i]); pause > time.Second {
				t.Errorf("fetch %d came %v after the one before", i+2, pause)
			}
		}
		if last := time.Since(requests[len(requests)-1]); last > time.Second {
			t.Errorf("the last fetch was %v ago", last)
		}
	})
}

func TestTheLogHasOneLinePerChangeOfState(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Minute, MaxStale: 48 * time.Hour}, func(w *world) {
		w.wire.down.Store(true)
		time.Sleep(24 * time.Hour)
		w.issuer.Fail(http.StatusBadGateway)
		w.wire.down.Store(false)
		time.Sleep(time.Hour)
		w.issuer.ServeBody("application/json", `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"a","x":"`+
			base64URL(make([]byte, 32))+`"}]}`)
		time.Sleep(time.Hour)
		w.issuer.Heal()
		time.Sleep(time.Hour)
		w.keys.Close()
		want := [][]string{
			{`"level":"INFO"`, "keys are fetched"},
			{`"level":"WARN"`, "can't be fetched", "connection refused"},
			{`"level":"WARN"`, "can't be fetched", "EdDSA", "jwks.keyPairConfig", "RS256", "expiresAt"},
			{`"level":"INFO"`, "keys are fetched again"},
		}
		lines := w.log.lines()
		if len(lines) != len(want) {
			w.Fatalf("%d log lines, want %d:\n%s", len(lines), len(want), strings.Join(lines, "\n"))
		}
		for i, words := range want {
			for _, word := range words {
				if !strings.Contains(lines[i], word) {
					w.Errorf("line %d lacks %q: %s", i, word, lines[i])
				}
			}
		}
	})
}
