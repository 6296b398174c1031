package auth_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/auth/authtest/hostile"
)

// origin is where the issuer in memory is said to be, iss and aud.
const origin = "http://issuer.test:3000"

// testKeys returns the keys that the issuers of these tests take turns with.
// Making one takes up to half a second.
var testKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 3)
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// strangersKey is one that no issuer publishes.
func strangersKey() *rsa.PrivateKey { return testKeys()[2] }

// takingTurns returns a source of keys for an issuer that rotates: the second
// test key, the first, and so on.
func takingTurns() func() (*rsa.PrivateKey, error) {
	var made atomic.Int64
	return func() (*rsa.PrivateKey, error) { return testKeys()[made.Add(1)%2], nil }
}

// wire is a transport to an issuer in memory: real sockets have no place in a
// synctest bubble. It serves any address, and notes when.
type wire struct {
	http.Handler
	down  atomic.Bool
	delay atomic.Int64 // Before each answer, in nanoseconds.

	mu    sync.Mutex
	asked []time.Time
}

// requests returns when each request so far was sent.
func (w *wire) requests() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked)
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asked = append(w.asked, time.Now())
	w.mu.Unlock()
	if w.down.Load() {
		return nil, errors.New("connection refused")
	}
	time.Sleep(time.Duration(w.delay.Load()))
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, req)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}

// world is an issuer and a verifier of its tokens, connected in memory.
type world struct {
	*testing.T
	issuer   *authtest.Issuer
	wire     *wire
	keys     *auth.KeySet
	verifier *auth.Verifier
	log      *logBuffer
}

// newWorld makes a world whose issuer is as prepare leaves it when the first
// fetch comes. The set has the given TTL and MaxStale.
func newWorld(t *testing.T, cfg auth.KeySetConfig, prepare func(*authtest.Issuer, *wire)) *world {
	t.Helper()
	issuer, err := authtest.NewIssuer(authtest.Config{BaseURL: origin, NewKey: takingTurns()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, issuer: issuer, wire: &wire{Handler: issuer}, log: new(logBuffer)}
	if prepare != nil {
		prepare(issuer, w.wire)
	}
	cfg.URL = issuer.KeySetURL()
	cfg.Client = &http.Client{Transport: w.wire}
	cfg.Logger = slog.New(slog.NewJSONHandler(w.log, nil))
	w.keys = auth.NewKeySet(cfg)
	t.Cleanup(w.keys.Close)
	w.verifier = auth.NewVerifier(auth.Config{Issuer: origin, Audience: origin, Keys: w.keys})
	return w
}

// accepts fails the test when the verifier refuses a token.
func (w *world) accepts(token string) {
	w.Helper()
	if _, err := w.verifier.Verify(w.Context(), token); err != nil {
		w.Errorf("Verify: %v, want the token accepted", err)
	}
}

// refuses fails the test when the verifier does not refuse a token, or does for
// another reason.
func (w *world) refuses(token string, reason auth.Reason) {
	w.Helper()
	verified, err := w.verifier.Verify(w.Context(), token)
	wantRefusal(w.T, err, reason)
	if verified != (auth.Identity{}) {
		w.Errorf("Verify gives the user %q along with a refusal", verified.User)
	}
}

// refusesAll fails the test when the verifier does not refuse each of the tokens,
// for its reason.
func (w *world) refusesAll(tokens []hostile.Token) {
	w.Helper()
	for _, token := range tokens {
		_, err := w.verifier.Verify(w.Context(), token.Text)
		if refused, ok := errors.AsType[*auth.RefusedError](err); !ok || refused.Reason != token.Reason {
			w.Errorf("%s: Verify: %v, want a refusal because of %s", token.Name, err, token.Reason)
		}
	}
}

// lacksKeys fails the test when the verifier has keys.
func (w *world) lacksKeys(token string) {
	w.Helper()
	_, err := w.verifier.Verify(w.Context(), token)
	if !errors.Is(err, auth.ErrKeysUnavailable) || errors.Is(err, auth.ErrRefused) {
		w.Errorf("Verify: %v, want ErrKeysUnavailable", err)
	}
}

// fetched fails the test when the number of fetches so far is not want.
func (w *world) fetched(want int) {
	w.Helper()
	if got := w.issuer.Fetches(); got != want {
		w.Errorf("the key set was fetched %d times, want %d", got, want)
	}
}

func wantRefusal(t *testing.T, err error, reason auth.Reason) {
	t.Helper()
	var refused *auth.RefusedError
	if !errors.As(err, &refused) || !errors.Is(err, auth.ErrRefused) {
		t.Errorf("got error %v, want a refusal because of %s", err, reason)
		return
	}
	if refused.Reason != reason {
		t.Errorf("refused because of %s, want %s", refused.Reason, reason)
	}
}

// unknownKeyToken returns a token whose key ID the issuer never published. Its
// signature is nobody's.
func (w *world) unknownKeyToken(keyID string) string {
	return hostile.Compact(fmt.Sprintf(`{"alg":"RS256","kid":%q}`, keyID), w.issuer.Claims("alice"), hostile.SignHS256(nil))
}

func base64URL(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// logBuffer collects log lines.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// lines returns what was logged so far.
func (b *logBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSuffix(b.text.String(), "\n"), "\n")
}

// verifierOf returns a verifier of the tokens of an issuer on a real socket.
func verifierOf(t *testing.T, issuer *authtest.Issuer) *auth.Verifier {
	t.Helper()
	keys := auth.NewKeySet(auth.KeySetConfig{URL: issuer.KeySetURL()})
	t.Cleanup(keys.Close)
	return auth.NewVerifier(auth.Config{Issuer: issuer.Origin(), Audience: issuer.Origin(), Keys: keys})
}
