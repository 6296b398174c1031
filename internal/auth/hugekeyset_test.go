package auth_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/auth/authtest/hostile"
)

// TestAHugeKeySetCostsLittleMemory counts all that is allocated while the key
// set is fetched, which is more than is ever held.
//
//nolint:paralleltest // What others allocate would count.
func TestAHugeKeySetCostsLittleMemory(t *testing.T) {
	forged := hostile.JWK("forged", &strangersKey().PublicKey)
	// The text is made beforehand: the issuer's memory is not the service's.
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for name, answer := range map[string]http.HandlerFunc{
		"100 MB":             func(w http.ResponseWriter, _ *http.Request) { authtest.WriteHuge(w, `{"keys":[`+forged+`]}`) },
		"10,000 keys":        body(`{"keys":[` + strings.Repeat(`{"kty":"PQC"},`, 9999) + forged + `]}`),
		"one key of 1 MB":    body(`{"keys":[{"kty":"RSA","kid":"forged","e":"AQAB","n":"` + strings.Repeat("_", 1_000_000) + `"}]}`),
		"a million brackets": body(`{"keys":[` + strings.Repeat("[", 1_000_000)),
	} {
		t.Run(name, func(t *testing.T) {
			issuer := authtest.Start(t, func(cfg *authtest.Config) { cfg.NewKey = takingTurns() })
			verifier := verifierOf(t, issuer)
			if _, err := verifier.Verify(t.Context(), issuer.Token("alice")); err != nil {
				t.Fatal(err)
			}
			issuer.Answer(answer)
			token := hostile.Compact(`{"alg":"RS256","kid":"forged"}`, issuer.Claims("alice"), hostile.SignRS256(strangersKey()))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := verifier.Verify(t.Context(), token)
			runtime.ReadMemStats(&after)
			wantRefusal(t, err, auth.ReasonUnknownKey)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 10<<20 {
				t.Errorf("%d bytes were allocated, want at most 10 MiB", allocated)
			}
		})
	}
}
