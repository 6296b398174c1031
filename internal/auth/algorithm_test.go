package auth_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/auth/authtest/hostile"
)

func TestHMACWithThePublicKeyIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		w.refusesAll(hostile.PublicKeySecrets(w.issuer))
		w.fetched(1)
	})
}

// TestOnlyRS256IsAccepted signs tokens well, each with a key that the set
// publishes for that algorithm, and says so or claims RS256.
func TestOnlyRS256IsAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var keys []hostile.Key
		w := newWorld(t, auth.KeySetConfig{}, func(issuer *authtest.Issuer, _ *wire) {
			keys = hostile.Keys(testKeys()[1]) // The issuer's own.
			hostile.Publish(issuer, keys)
		})
		w.accepts(w.issuer.Token("alice"))
		w.refusesAll(hostile.Signatures(w.issuer, keys))
		for _, key := range keys {
			posing := fmt.Sprintf(`{"alg":"RS256","kid":%q}`, key.Algorithm)
			w.refuses(hostile.Compact(posing, w.issuer.Claims("alice"), key.Sign), auth.ReasonUnknownKey)
		}
	})
}

func TestStrangersSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		header := fmt.Sprintf(`{"alg":"RS256","kid":%q}`, w.issuer.KeyID())
		w.refuses(hostile.Compact(header, w.issuer.Claims("alice"), hostile.SignRS256(strangersKey())), auth.ReasonSignature)
		w.accepts(hostile.Compact(header, w.issuer.Claims("alice"), hostile.SignRS256(testKeys()[1]))) // The issuer's own.
	})
}

// keySetOf returns the key set as the issuer serves it at the moment.
func keySetOf(issuer *authtest.Issuer) string {
	recorder := httptest.NewRecorder()
	issuer.ServeHTTP(recorder, httptest.NewRequest("GET", authtest.KeySetPath, nil))
	return recorder.Body.String()
}
