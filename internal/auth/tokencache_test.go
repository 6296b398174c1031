package auth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

func TestACachedTokenIsRefusedOnceItsTimeIsOver(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{}, func(w *world) {
		token := w.issuer.Token("alice") // Good for 15 minutes.
		w.accepts(token)
		time.Sleep(15*time.Minute + 29*time.Second)
		w.accepts(token)
		time.Sleep(time.Second)
		w.refuses(token, auth.ReasonExpired)
	})
}

func TestACachedTokenIsRefusedOnceItsKeyHasLeftTheSet(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Minute}, func(w *world) {
		token := w.issuer.Token("alice")
		w.accepts(token)
		if err := w.issuer.Rotate(); err != nil {
			w.Fatal(err)
		}
		w.issuer.Retire(1)
		w.accepts(token) // Nobody has told us yet.
		time.Sleep(time.Minute)
		synctest.Wait() // The refresh has ended.
		w.refuses(token, auth.ReasonUnknownKey)
	})
}

func TestACachedTokenIsRefusedOnceItsKeyIDIsAnotherKeys(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Minute}, func(w *world) {
		token, keyID := w.issuer.Token("alice"), w.issuer.KeyID()
		w.accepts(token)
		w.issuer.ServeBody("application/json", `{"keys":[`+publicJWK(keyID, &strangersKey().PublicKey)+`]}`)
		time.Sleep(time.Minute)
		synctest.Wait() // The refresh has ended.
		w.refuses(token, auth.ReasonSignature)
	})
}

func TestACachedTokenNeedsKeysThatAreNotTooOld(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Minute, MaxStale: 5 * time.Minute}, func(w *world) {
		token := w.issuer.Token("alice")
		w.accepts(token)
		w.wire.down.Store(true)
		time.Sleep(4 * time.Minute)
		w.accepts(token)
		time.Sleep(2 * time.Minute)
		w.lacksKeys(token)
	})
}

func TestARefreshOfTheSameKeysKeepsCachedTokens(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Minute}, func(w *world) {
		token := w.issuer.Token("alice")
		w.accepts(token)
		time.Sleep(time.Minute)
		synctest.Wait() // The refresh has ended.
		w.accepts(token)
		if !w.verifier.Caches(token) {
			w.Error("the token is no longer cached")
		}
	})
}

func TestOnlyVerifiedTokensAreCached(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{}, func(w *world) {
		good := w.issuer.Token("alice")
		forged := good[:len(good)-8] + "AAAAAAAA"
		w.refuses(forged, auth.ReasonSignature)
		early := w.issuer.Token("alice", authtest.With("nbf", time.Now().Add(time.Hour).Unix()))
		w.refuses(early, auth.ReasonNotYetValid)
		for name, token := range map[string]string{"a forged": forged, "an early": early} {
			if w.verifier.Caches(token) {
				w.Errorf("%s token is cached", name)
			}
		}
		w.accepts(good)
		w.refuses(forged, auth.ReasonSignature)
		time.Sleep(time.Hour)
		w.refuses(good, auth.ReasonExpired)
	})
}
