package auth_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/auth/authtest/hostile"
)

// TestHeaders signs every token with the issuer's own key: the header alone makes
// the difference.
func TestHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		for _, header := range []string{
			`{"alg":"RS256","kid":"KID"}`, // As Better Auth writes it.
			`{"alg":"RS256","kid":"KID","typ":"JWT"}`,
			` { "kid" : "KID" , "alg" : "RS256" } `,
			`{"alg":"RS256","kid":"KID","x5t":"eA","x5t#S256":"eA"}`, // Thumbprints of the key lead nowhere.
			`{"alg":"RS256","kid":"KID","b64":false}`,                // Without crit, RFC 7797 makes nothing of it.
		} {
			header = strings.Replace(header, "KID", w.issuer.KeyID(), 1)
			w.accepts(w.issuer.Sign([]byte(header), w.issuer.Claims("alice")))
		}
		w.refusesAll(hostile.Headers(w.issuer, "http://evil.test/jwks"))
		if got := len(w.wire.requests()); got != 1 {
			w.Errorf("%d requests went out, want the first fetch alone", got)
		}
	})
}

func TestTokensInAnotherFormAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		w.refusesAll(hostile.Forms(w.issuer))
		// These can't come out of an HTTP header.
		good := w.issuer.Token("alice")
		for _, token := range []string{"", strings.Replace(good, ".", ".\n", 1), good + "\r", " " + good} {
			w.refuses(token, auth.ReasonMalformed)
		}
		w.fetched(1)
	})
}

func TestTokensAreAcceptedUpToTheirBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		padded := func(length int) string {
			// Three bytes more of payload are four more of token.
			short := w.issuer.Token("alice", authtest.With("pad", ""))
			pad := strings.Repeat("x", base64.RawURLEncoding.DecodedLen(length-len(short)))
			return w.issuer.Token("alice", authtest.With("pad", pad))
		}
		longest, longer := padded(8<<10), padded(8<<10+4)
		if len(longest) > 8<<10 || len(longer) <= 8<<10 {
			t.Fatalf("the tokens have %d and %d bytes: not on both sides of the bound", len(longest), len(longer))
		}
		w.accepts(longest)
		w.refuses(longer, auth.ReasonTooLarge)
		w.refuses(strings.Repeat("x", 1<<20), auth.ReasonTooLarge)
	})
}

func TestRefusalsShowLittleOfTheKeyIDAndNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		for keyID, want := range map[string]string{
			"../../etc/passwd":       "../../etc/passwd",
			"' OR 1=1; --":           "' OR 1=1; --",
			strings.Repeat("k", 64):  strings.Repeat("k", 64),
			strings.Repeat("k", 65):  strings.Repeat("k", 64),
			strings.Repeat("é", 64):  strings.Repeat("é", 64),
			strings.Repeat("😀", 999): strings.Repeat("😀", 64),
		} {
			_, err := w.verifier.Verify(t.Context(), w.unknownKeyToken(keyID))
			refused, ok := err.(*auth.RefusedError) //nolint:errorlint // Nothing wraps it.
			if !ok {
				t.Fatalf("Verify of a token with key ID %q: %v, want a refusal", keyID, err)
			}
			if refused.KeyID != want {
				t.Errorf("the refusal shows key ID %q, want %q", refused.KeyID, want)
			}
			if text := err.Error(); text != "access token refused: "+string(refused.Reason) {
				t.Errorf("the refusal's text is %q", text)
			}
		}
	})
}

// TestNoKeyIsTakenFromTheToken offers a stranger's key in every way that a
// header can, on a token that this key signed.
func TestNoKeyIsTakenFromTheToken(t *testing.T) {
	t.Parallel()
	issuer := authtest.Start(t, func(cfg *authtest.Config) { cfg.NewKey = takingTurns() })
	verifier := verifierOf(t, issuer)
	var connections atomic.Int64
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		connections.Add(1)
		fmt.Fprintf(w, `{"keys":[%s]}`, hostile.JWK("stranger", &strangersKey().PublicKey))
	}))
	t.Cleanup(stranger.Close)

	jwk := hostile.JWK("stranger", &strangersKey().PublicKey)
	for _, keyID := range []string{"stranger", issuer.KeyID()} {
		for name, value := range map[string]string{
			"jku": `"` + stranger.URL + `"`,
			"x5u": `"` + stranger.URL + `"`,
			"jwk": jwk,
			"x5c": `["MIIB"]`,
		} {
			header := fmt.Sprintf(`{"alg":"RS256","kid":%q,%q:%s}`, keyID, name, value)
			token := hostile.Compact(header, issuer.Claims("alice"), hostile.SignRS256(strangersKey()))
			_, err := verifier.Verify(t.Context(), token)
			wantRefusal(t, err, auth.ReasonEmbeddedKey)
		}
	}
	if got := connections.Load(); got != 0 {
		t.Errorf("%d connections were made to an address in a token", got)
	}
}

// FuzzVerify looks for a token that panics or passes.
func FuzzVerify(f *testing.F) {
	issuer, verifier := fuzzed(f)
	foreign := issuer.Token("alice", authtest.With("aud", "other"))
	f.Add(foreign)
	f.Add(strings.Repeat(".", 9000))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(base64URL([]byte(`{"alg":"RS256","kid":"x"}`)) + ".e30.eA")
	f.Fuzz(func(t *testing.T, token string) {
		if verified, err := verifier.Verify(t.Context(), token); err == nil {
			t.Errorf("a token that the issuer did not sign was accepted for %q", verified.User)
		}
	})
}
