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
)

// TestHeaders signs every token with the issuer's own key: the header alone
// makes the difference. KID in it stands for the key's ID.
func TestHeaders(t *testing.T) {
	t.Parallel()
	const accepted = auth.Reason("")
	long := strings.Repeat("k", 129)
	for _, test := range []struct {
		name   string
		header string
		reason auth.Reason
	}{
		{"as Better Auth writes it", `{"alg":"RS256","kid":"KID"}`, accepted},
		{"typ as well", `{"alg":"RS256","kid":"KID","typ":"JWT"}`, accepted},
		{"white space", ` { "kid" : "KID" , "alg" : "RS256" } `, accepted},
		{"thumbprints of the key, which lead nowhere", `{"alg":"RS256","kid":"KID","x5t":"eA","x5t#S256":"eA"}`, accepted},
		{"b64 without crit, which RFC 7797 makes nothing of", `{"alg":"RS256","kid":"KID","b64":false}`, accepted},

		{"alg none", `{"alg":"none","kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg None", `{"alg":"None","kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg NONE", `{"alg":"NONE","kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg nOnE", `{"alg":"nOnE","kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg empty", `{"alg":"","kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg missing", `{"kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg null", `{"alg":null,"kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg an array", `{"alg":["RS256"],"kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg an object", `{"alg":{"RS256":1},"kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg a number", `{"alg":256,"kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg in lower case", `{"alg":"rs256","kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg with white space", `{"alg":"RS256 ","kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg with NUL", `{"alg":"RS256\u0000","kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg under a name in another case", `{"ALG":"RS256","kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg RS512 on a signature of RS256", `{"alg":"RS512","kid":"KID"}`, auth.ReasonAlgorithm},
		{"alg HS256 on a signature of RS256", `{"alg":"HS256","kid":"KID"}`, auth.ReasonAlgorithm},

		{"crit empty", `{"alg":"RS256","kid":"KID","crit":[]}`, auth.ReasonCritical},
		{"crit null", `{"alg":"RS256","kid":"KID","crit":null}`, auth.ReasonCritical},
		{"crit b64", `{"alg":"RS256","kid":"KID","crit":["b64"],"b64":true}`, auth.ReasonCritical},
		{"crit exp", `{"alg":"RS256","kid":"KID","crit":["exp"],"exp":1}`, auth.ReasonCritical},

		{"jku", `{"alg":"RS256","kid":"KID","jku":"http://evil.test/jwks"}`, auth.ReasonEmbeddedKey},
		{"jku null", `{"alg":"RS256","kid":"KID","jku":null}`, auth.ReasonEmbeddedKey},
		{"x5u", `{"alg":"RS256","kid":"KID","x5u":"http://evil.test/cert"}`, auth.ReasonEmbeddedKey},
		{"x5c", `{"alg":"RS256","kid":"KID","x5c":["eA=="]}`, auth.ReasonEmbeddedKey},
		{"jwk", `{"alg":"RS256","kid":"KID","jwk":{"kty":"oct","k":"eA"}}`, auth.ReasonEmbeddedKey},

		{"kid missing", `{"alg":"RS256"}`, auth.ReasonKeyID},
		{"kid null", `{"alg":"RS256","kid":null}`, auth.ReasonKeyID},
		{"kid empty", `{"alg":"RS256","kid":""}`, auth.ReasonKeyID},
		{"kid a number", `{"alg":"RS256","kid":0}`, auth.ReasonKeyID},
		{"kid an array", `{"alg":"RS256","kid":["KID"]}`, auth.ReasonKeyID},
		{"kid of 129 bytes", `{"alg":"RS256","kid":"` + long + `"}`, auth.ReasonKeyID},
		{"kid with half a surrogate pair", `{"alg":"RS256","kid":"KID\ud800"}`, auth.ReasonKeyID},

		{"alg twice", `{"alg":"RS256","alg":"none","kid":"KID"}`, auth.ReasonMalformed},
		{"alg twice, the first one escaped", `{"\u0061lg":"none","alg":"RS256","kid":"KID"}`, auth.ReasonMalformed},
		{"kid twice", `{"alg":"RS256","kid":"KID","kid":"KID"}`, auth.ReasonMalformed},
		{"an array", `[{"alg":"RS256","kid":"KID"}]`, auth.ReasonMalformed},
		{"a string", `"RS256"`, auth.ReasonMalformed},
		{"null", `null`, auth.ReasonMalformed},
		{"empty", ``, auth.ReasonMalformed},
		{"two objects", `{"alg":"RS256","kid":"KID"}{}`, auth.ReasonMalformed},
		{"an open object", `{"alg":"RS256","kid":"KID"`, auth.ReasonMalformed},
		{"bytes that are not UTF-8", "{\"alg\":\"RS256\",\"kid\":\"KID\",\"x\":\"\xff\"}", auth.ReasonMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, auth.KeySetConfig{}, nil)
				header := strings.Replace(test.header, "KID", w.issuer.KeyID(), 1)
				token := w.issuer.Sign([]byte(header), w.issuer.Claims("alice"))
				synctest.Wait() // The first fetch has ended.
				if test.reason == "" {
					w.accepts(token)
				} else {
					w.refuses(token, test.reason)
				}
				if got := len(w.wire.requests()); got != 1 {
					w.Errorf("%d requests went out, want the first fetch alone", got)
				}
			})
		})
	}
}

func TestTokensInAnotherFormAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		of     func(header, payload, signature string) string
		reason auth.Reason
	}{
		{"nothing", func(_, _, _ string) string { return "" }, auth.ReasonMalformed},
		{"one part", func(h, _, _ string) string { return h }, auth.ReasonMalformed},
		{"two parts", func(h, p, _ string) string { return h + "." + p }, auth.ReasonMalformed},
		{"no signature", func(h, p, _ string) string { return h + "." + p + "." }, auth.ReasonSignature},
		{"no payload", func(h, _, s string) string { return h + ".." + s }, auth.ReasonSignature},
		{"no header", func(_, p, s string) string { return "." + p + "." + s }, auth.ReasonMalformed},
		{"four parts", func(h, p, s string) string { return h + "." + p + "." + s + "." }, auth.ReasonMalformed},
		{"five parts, as JWE", func(h, p, s string) string { return h + "." + p + "." + s + "." + p + "." + s }, auth.ReasonMalformed},
		{"JSON serialization", func(h, p, s string) string {
			return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, p, h, s)
		}, auth.ReasonMalformed},
		{"flattened JSON serialization", func(h, p, s string) string {
			return fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, s)
		}, auth.ReasonMalformed},
		{"padding", func(h, p, s string) string { return h + "." + p + "." + s + "==" }, auth.ReasonMalformed},
		{"the standard base64 alphabet", func(h, p, s string) string {
			return h + "." + p + "." + strings.NewReplacer("-", "+", "_", "/").Replace("-_"+s[2:])
		}, auth.ReasonMalformed},
		{"a line break within", func(h, p, s string) string { return h + "." + p + ".\n" + s }, auth.ReasonMalformed},
		{"a carriage return at the end", func(h, p, s string) string { return h + "." + p + "." + s + "\r" }, auth.ReasonMalformed},
		{"a space before", func(h, p, s string) string { return " " + h + "." + p + "." + s }, auth.ReasonMalformed},
		{"bits after the last byte", func(h, p, s string) string {
			// 256 bytes leave four bits over, which are zero: A, Q, g or w.
			return h + "." + p + "." + s[:len(s)-1] + string(s[len(s)-1]+1)
		}, auth.ReasonMalformed},
		{"a second token after a comma", func(h, p, s string) string {
			return h + "." + p + "." + s + ", Bearer " + h + "." + p + "." + s
		}, auth.ReasonMalformed},
		{"a payload changed", func(h, p, s string) string { return h + "." + p[:len(p)-2] + "AA." + s }, auth.ReasonSignature},
		{"another token's signature", func(h, p, s string) string { return h + "." + p + "." + s[2:] + "AA" }, auth.ReasonSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, auth.KeySetConfig{}, nil)
				parts := strings.Split(w.issuer.Token("alice"), ".")
				w.refuses(test.of(parts[0], parts[1], parts[2]), test.reason)
				synctest.Wait()
				w.fetched(1)
			})
		})
	}
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
		fmt.Fprintf(w, `{"keys":[%s]}`, publicJWK("stranger", &strangersKey().PublicKey))
	}))
	t.Cleanup(stranger.Close)

	jwk := publicJWK("stranger", &strangersKey().PublicKey)
	for _, keyID := range []string{"stranger", issuer.KeyID()} {
		for name, value := range map[string]string{
			"jku": `"` + stranger.URL + `"`,
			"x5u": `"` + stranger.URL + `"`,
			"jwk": jwk,
			"x5c": `["MIIB"]`,
		} {
			header := fmt.Sprintf(`{"alg":"RS256","kid":%q,%q:%s}`, keyID, name, value)
			token := compact(header, issuer.Claims("alice"), signRS256(strangersKey()))
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
	issuer, err := authtest.NewIssuer(authtest.Config{BaseURL: origin, NewKey: takingTurns()})
	if err != nil {
		f.Fatal(err)
	}
	keys := auth.NewKeySet(auth.KeySetConfig{
		URL: issuer.KeySetURL(), Client: &http.Client{Transport: &wire{Handler: issuer}},
	})
	f.Cleanup(keys.Close)
	verifier := auth.NewVerifier(auth.Config{Issuer: origin, Audience: origin, Keys: keys})
	foreign := issuer.Token("alice", authtest.With("aud", "other"))
	f.Add(foreign)
	f.Add(strings.Repeat(".", 9000))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(base64URL([]byte(`{"alg":"RS256","kid":"x"}`)) + ".e30.eA")
	f.Fuzz(func(t *testing.T, token string) {
		if user, err := verifier.Verify(t.Context(), token); err == nil {
			t.Errorf("a token that the issuer did not sign was accepted for %q", user)
		}
	})
}
