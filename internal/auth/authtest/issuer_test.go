package authtest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// sharedKey returns the key of all issuers of these tests. Making one takes up
// to half a second.
var sharedKey = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	return rsa.GenerateKey(rand.Reader, 2048)
})

func withSharedKey(cfg *authtest.Config) { cfg.NewKey = sharedKey }

func newIssuer(t *testing.T, cfg authtest.Config) *authtest.Issuer {
	t.Helper()
	withSharedKey(&cfg)
	issuer, err := authtest.NewIssuer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

func verifierOf(t *testing.T, issuer *authtest.Issuer) *auth.Verifier {
	t.Helper()
	keys := auth.NewKeySet(auth.KeySetConfig{URL: issuer.KeySetURL()})
	t.Cleanup(keys.Close)
	return auth.NewVerifier(auth.Config{Issuer: issuer.Origin(), Audience: issuer.Origin(), Keys: keys})
}

// do returns the status, headers and JSON body of an answer.
func do(t *testing.T, method, url string, body string) (int, http.Header, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatalf("%s %s answers %q: %v", method, url, text, err)
	}
	return res.StatusCode, res.Header, members
}

// part returns a part of a token: 0 the header, 1 the claims.
func part(t *testing.T, token string, index int) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[index])
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// keysOf returns the keys of a key set.
func keysOf(t *testing.T, set map[string]any) []map[string]any {
	t.Helper()
	list, ok := set["keys"].([]any)
	if !ok {
		t.Fatalf("keys is %v, want an array", set["keys"])
	}
	keys := make([]map[string]any, len(list))
	for i, key := range list {
		if keys[i], ok = key.(map[string]any); !ok {
			t.Fatalf("key %d is %v, want an object", i, key)
		}
	}
	return keys
}

func names(members map[string]any) []string { return slices.Sorted(maps.Keys(members)) }

func TestTokensLookLikeBetterAuths(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t, authtest.Config{BaseURL: "http://localhost:3000/some/path/", Life: 12 * time.Hour})
	token := issuer.Token("alice")
	if diff := cmp.Diff(map[string]any{"alg": "RS256", "kid": issuer.KeyID()}, part(t, token, 0)); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	claims := part(t, token, 1)
	if diff := cmp.Diff([]string{
		"aud", "createdAt", "email", "emailVerified", "exp", "iat", "id", "image", "iss", "name", "sub", "updatedAt",
	}, names(claims)); diff != "" {
		t.Errorf("names of claims (-want +got):\n%s", diff)
	}
	for name, want := range map[string]any{
		"sub": "alice", "id": "alice", "name": "alice", "email": "alice@example.com",
		"iss": "http://localhost:3000", "aud": "http://localhost:3000",
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	issued, isNumber := claims["iat"].(float64)
	if !isNumber || claims["exp"] != issued+(12*time.Hour).Seconds() {
		t.Errorf("the token is good from %v to %v, want 12 h", claims["iat"], claims["exp"])
	}
}

func TestTheKeySetLooksLikeBetterAuths(t *testing.T) {
	t.Parallel()
	issuer := authtest.Start(t, withSharedKey)
	first := issuer.KeyID()
	if err := issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	status, header, set := do(t, "GET", issuer.KeySetURL(), "")
	if status != http.StatusOK || header.Get("Content-Type") != "application/json" {
		t.Errorf("the key set comes with status %d and type %q", status, header.Get("Content-Type"))
	}
	if got := header.Values("Cache-Control"); got != nil {
		t.Errorf("Cache-Control is %q, and Better Auth sends none", got)
	}
	keys := keysOf(t, set)
	if len(keys) != 2 {
		t.Fatalf("%d keys, want that before the rotation and that after it", len(keys))
	}
	for i, id := range []string{first, issuer.KeyID()} {
		key := keys[i]
		if diff := cmp.Diff([]string{"alg", "e", "kid", "kty", "n"}, names(key)); diff != "" {
			t.Errorf("members of a key (-want +got):\n%s", diff)
		}
		if key["alg"] != "RS256" || key["kty"] != "RSA" || key["e"] != "AQAB" || key["kid"] != id {
			t.Errorf("key %d is %v, want an RS256 key of ID %s", i, key, id)
		}
	}
	issuer.Retire(1)
	_, _, set = do(t, "GET", issuer.KeySetURL(), "")
	if keys := keysOf(t, set); len(keys) != 1 || keys[0]["kid"] != issuer.KeyID() {
		t.Errorf("after the old key retired the set has %v", keys)
	}
	if got := issuer.Fetches(); got != 2 {
		t.Errorf("%d fetches counted, want 2", got)
	}
}

func TestTheTokenEndpointHandsOutTokensForMadeUpUsers(t *testing.T) {
	t.Parallel()
	issuer := authtest.Start(t, withSharedKey)
	verifier := verifierOf(t, issuer)
	tokenURL := issuer.Origin() + authtest.TokenPath
	for _, request := range []struct{ method, query, body string }{
		{"GET", "?user=bob%20%C3%A9", ""},
		{"POST", "?user=bob%20%C3%A9", ""},
		{"POST", "", "user=bob+%C3%A9"},
	} {
		status, _, answer := do(t, request.method, tokenURL+request.query, request.body)
		token, _ := answer["token"].(string)
		verified, err := verifier.Verify(t.Context(), token)
		if status != http.StatusOK || err != nil || verified.User.String() != "bob é" {
			t.Errorf("%v answers %d with a token for %q, %v", request, status, verified.User, err)
		}
	}
	for _, query := range []string{"", "?user=", "?user=%20", "?user=%ff", "?user=" + strings.Repeat("a", 256)} {
		if status, _, answer := do(t, "GET", tokenURL+query, ""); status != http.StatusBadRequest || answer["token"] != nil {
			t.Errorf("%q answers %d, %v, want 400", query, status, answer)
		}
	}
}

func TestAKeyFileKeepsTokensGoodOverRestarts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "made", "on", "demand", "key.pem")
	cfg := authtest.Config{BaseURL: "http://localhost:3000", KeyFile: file}
	first, second := newIssuer(t, cfg), newIssuer(t, cfg)
	if first.KeyID() != second.KeyID() || !first.PublicKey().Equal(second.PublicKey()) {
		t.Error("the second issuer does not have the first one's key")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v, want it for its owner alone", info, err)
	}
	if err := second.Rotate(); err != nil {
		t.Fatal(err)
	}
	if third := newIssuer(t, cfg); third.KeyID() != second.KeyID() || third.KeyID() == first.KeyID() {
		t.Error("the third issuer does not have the key that the second one rotated to")
	}
}

func TestNewIssuerSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(broken, []byte("-----BEGIN PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		cfg  authtest.Config
		want string
	}{
		{"no base URL", authtest.Config{}, "base URL"},
		{"a base URL without a scheme", authtest.Config{BaseURL: "localhost:3000"}, "base URL"},
		{"a broken key file", authtest.Config{BaseURL: "http://localhost", KeyFile: broken}, "remove the file"},
		{"a folder that can't be made", authtest.Config{BaseURL: "http://localhost", KeyFile: filepath.Join(broken, "key.pem")}, "signing key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			withSharedKey(&test.cfg)
			if _, err := authtest.NewIssuer(test.cfg); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("NewIssuer: %v, want an error about the %s", err, test.want)
			}
		})
	}
}

func TestFaultsLastUntilTheyAreHealed(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t, authtest.Config{BaseURL: "http://localhost:3000"})
	ask := func() *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		issuer.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", authtest.KeySetPath, nil))
		return recorder
	}
	issuer.Fail(http.StatusBadGateway)
	if got := ask(); got.Code != http.StatusBadGateway {
		t.Errorf("a failing issuer answers %d, want 502", got.Code)
	}
	issuer.ServeBody("text/html", "<p>")
	if got := ask(); got.Body.String() != "<p>" || got.Header().Get("Content-Type") != "text/html" {
		t.Errorf("the issuer answers %q, want the body that was set", got.Body)
	}
	issuer.Heal()
	if got := ask(); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), issuer.KeyID()) {
		t.Errorf("a healed issuer answers %d, %q", got.Code, got.Body)
	}
}
