package auth_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/auth/authtest/hostile"
)

// TestTheLastGoodKeysServeWhateverTheEndpointAnswers makes the set be fetched
// again over a real socket, by a token with an unknown key ID that would be good
// if the answer were believed.
func TestTheLastGoodKeysServeWhateverTheEndpointAnswers(t *testing.T) {
	t.Parallel()
	forged := hostile.JWK("forged", &strangersKey().PublicKey)
	forgedSet := `{"keys":[` + forged + `]}`
	var strangerAsked atomic.Int64
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		strangerAsked.Add(1)
		_, _ = io.WriteString(w, forgedSet)
	}))
	t.Cleanup(stranger.Close)
	var sent atomic.Int64 // By the endless ones, in bytes.

	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for name, answer := range map[string]http.HandlerFunc{
		"status 500":              func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = io.WriteString(w, forgedSet) },
		"status 201":              func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); _, _ = io.WriteString(w, forgedSet) },
		"a connection that drops": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10000")
			_, _ = io.WriteString(w, forgedSet)
		},
		"a redirect to another host": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stranger.URL, http.StatusFound)
		},
		"redirects without end": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, authtest.KeySetPath, http.StatusFound)
		},
		"HTML":                   body("<!doctype html><title>Log in</title>"),
		"nothing":                body(""),
		"null":                   body("null"),
		"an object without keys": body("{}"),
		"keys null":              body(`{"keys":null}`),
		"keys an object":         body(`{"keys":{"a":` + forged + `}}`),
		"no keys":                body(`{"keys":[]}`),
		"a key alone":            body(forged),
		"a list alone":           body("[" + forged + "]"),
		"keys in another case":   body(`{"Keys":[` + forged + `]}`),
		"keys twice":             body(`{"keys":[],"keys":[` + forged + `]}`),
		"a set and more":         body(forgedSet + "{}"),
		"one unknown kty":        body(`{"keys":[{"kty":"PQC","kid":"forged"}]}`),
		"101 keys":               body(`{"keys":[` + strings.Repeat(forged+",", 100) + forged + `]}`),
		"10,000 keys":            body(`{"keys":[` + strings.Repeat(`{},`, 9999) + forged + `]}`),
		"1 MiB and a byte":       body(forgedSet + strings.Repeat(" ", 1<<20+1-len(forgedSet))),
		"100 MB": func(w http.ResponseWriter, _ *http.Request) {
			sent.Add(authtest.WriteHuge(w, forgedSet))
		},
		"100 MB, compressed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			compressed := gzip.NewWriter(w)
			authtest.WriteHuge(compressed, forgedSet)
			_ = compressed.Close()
		},
		"100 MB of headers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Pad", strings.Repeat("x", 1<<20))
			_, _ = io.WriteString(w, forgedSet)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := authtest.Start(t, func(cfg *authtest.Config) { cfg.NewKey = takingTurns() })
			verifier := verifierOf(t, issuer)
			good := issuer.Token("alice")
			if _, err := verifier.Verify(t.Context(), good); err != nil {
				t.Fatalf("Verify before the fault: %v", err)
			}
			issuer.Answer(answer)
			header := `{"alg":"RS256","kid":"forged"}`
			_, err := verifier.Verify(t.Context(), hostile.Compact(header, issuer.Claims("alice"), hostile.SignRS256(strangersKey())))
			wantRefusal(t, err, auth.ReasonUnknownKey)
			// A few: of the token's own fetch, retries, and redirects.
			if got := issuer.Fetches(); got < 2 || got > 100 {
				t.Errorf("the key set was asked for %d times, want once more than before or a few", got)
			}
			if _, err := verifier.Verify(t.Context(), good); err != nil {
				t.Errorf("Verify after the fault: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		if got := strangerAsked.Load(); got != 0 {
			t.Errorf("the host that the set redirected to was asked %d times", got)
		}
		// What the sockets' buffers hold is sent too, but no more.
		if got := sent.Load(); got > 32<<20 {
			t.Errorf("%d bytes of an endless answer were taken", got)
		}
	})
}

func TestTheForgedSetIsTakenWhenItIsServedWell(t *testing.T) {
	t.Parallel()
	// Without this, the test above would pass with a set that never serves.
	forged := hostile.JWK("forged", &strangersKey().PublicKey)
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request, set string){
		"plainly": func(w http.ResponseWriter, _ *http.Request, set string) { _, _ = io.WriteString(w, set) },
		"as 100 keys": func(w http.ResponseWriter, _ *http.Request, _ string) {
			fmt.Fprintf(w, `{"keys":[%s%s]}`, strings.Repeat(`{"kty":"PQC"},`, 99), forged)
		},
		"as 1 MiB": func(w http.ResponseWriter, _ *http.Request, set string) {
			_, _ = io.WriteString(w, set+strings.Repeat(" ", 1<<20-len(set)))
		},
		"after a redirect to the same host": func(w http.ResponseWriter, r *http.Request, set string) {
			if r.URL.RawQuery == "" {
				http.Redirect(w, r, authtest.KeySetPath+"?moved", http.StatusMovedPermanently)
				return
			}
			_, _ = io.WriteString(w, set)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := authtest.Start(t, func(cfg *authtest.Config) { cfg.NewKey = takingTurns() })
			issuer.Answer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer(w, r, `{"keys":[`+forged+`]}`)
			}))
			token := hostile.Compact(`{"alg":"RS256","kid":"forged"}`, issuer.Claims("alice"), hostile.SignRS256(strangersKey()))
			if _, err := verifierOf(t, issuer).Verify(t.Context(), token); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
}

func TestAnIssuerThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	issuer, err := authtest.NewIssuer(authtest.Config{BaseURL: origin, NewKey: takingTurns()})
	if err != nil {
		t.Fatal(err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, url := range map[string]string{
		"a port where nobody listens": gone.URL,
		"a URL that can't be":         "http://[::1",
		"a scheme that can't be":      "ftp://localhost/jwks",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := auth.NewKeySet(auth.KeySetConfig{URL: url})
			t.Cleanup(keys.Close)
			w := &world{T: t, verifier: auth.NewVerifier(auth.Config{Issuer: origin, Audience: origin, Keys: keys})}
			w.lacksKeys(issuer.Token("alice"))
		})
	}
}
