package auth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// fuzzed is an issuer in memory, and a verifier of its tokens that has its keys.
func fuzzed(f *testing.F) (*authtest.Issuer, *auth.Verifier) {
	f.Helper()
	issuer, err := authtest.NewIssuer(authtest.Config{BaseURL: origin, NewKey: takingTurns()})
	if err != nil {
		f.Fatal(err)
	}
	keys := auth.NewKeySet(auth.KeySetConfig{
		URL: issuer.KeySetURL(), Client: &http.Client{Transport: &wire{Handler: issuer}},
	})
	f.Cleanup(keys.Close)
	return issuer, auth.NewVerifier(auth.Config{Issuer: origin, Audience: origin, Keys: keys})
}

// FuzzTokenHeader signs any header with the issuer's own key. One that passes
// names the algorithm and the key, to any reader, and nothing that would have to
// be followed or understood.
func FuzzTokenHeader(f *testing.F) {
	issuer, verifier := fuzzed(f)
	// KID stands for the key's ID, which differs from run to run.
	for _, header := range []string{
		`{"alg":"RS256","kid":"KID"}`,
		`{"alg":"RS256","kid":"KID","typ":"JWT"}`,
		`{"alg":"none","kid":"KID"}`,
		`{"alg":["RS256"],"kid":"KID"}`,
		`{"alg":"RS256","alg":"none","kid":"KID"}`,
		`{"\u0061lg":"none","alg":"RS256","kid":"KID"}`,
		`{"alg":"RS256","kid":"KID","crit":["exp"]}`,
		`{"alg":"RS256","kid":"KID","jku":"http://evil.test"}`,
		`{"alg":"RS256","kid":"KID","jwk":{"kty":"RSA"},"x5c":[],"x5u":null}`,
		`{"ALG":"RS256","Kid":"KID"}`,
		`{"alg":"RS256","kid":"\ud800"}`,
		`{"alg":"RS256","kid":0,"x":{"kid":"KID"}}`,
		"{\"alg\":\"RS256\",\"kid\":\"KID\xff\"}",
		` { } `, `null`, `[]`, ``,
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		header = strings.ReplaceAll(header, "KID", issuer.KeyID())
		token := issuer.Sign([]byte(header), issuer.Claims("alice"))
		verified, err := verifier.Verify(t.Context(), token)
		if err != nil {
			checkRefusal(t, err, header)
			return
		}
		members := readObject(t, []byte(header))
		if members["alg"] != "RS256" || members["kid"] != issuer.KeyID() || verified.User.String() != "alice" {
			t.Errorf("accepted for %q: %q", verified.User, header)
		}
		for _, name := range []string{"crit", "jku", "jwk", "x5u", "x5c"} {
			if _, ok := members[name]; ok {
				t.Errorf("accepted with %s: %q", name, header)
			}
		}
	})
}

// FuzzTokenClaims signs any claims with the issuer's own key. Those that pass
// are for us and valid now, to any reader, and name the user that is returned.
func FuzzTokenClaims(f *testing.F) {
	issuer, verifier := fuzzed(f)
	const life = `"exp":253402300799,"iat":0`
	for _, claims := range []string{
		`{"sub":"alice","iss":"` + origin + `","aud":"` + origin + `",` + life + `}`,
		`{"sub":"alice","iss":"` + origin + `","aud":["x","` + origin + `"],` + life + `,"nbf":1.5}`,
		`{"sub":"alice","sub":"bob","iss":"` + origin + `","aud":"` + origin + `",` + life + `}`,
		`{"sub":" \u00a0","iss":"` + origin + `","aud":"` + origin + `",` + life + `}`,
		`{"sub":"a\u0000","iss":"` + origin + `","aud":"` + origin + `",` + life + `}`,
		`{"sub":"\ud800","iss":"` + origin + `","aud":"` + origin + `",` + life + `}`,
		`{"sub":"alice","iss":"` + origin + `/","aud":"` + origin + `",` + life + `}`,
		`{"sub":"alice","iss":"` + origin + `","aud":{"` + origin + `":1},` + life + `}`,
		`{"sub":"alice","iss":"` + origin + `","aud":"` + origin + `","exp":1e30}`,
		`{"sub":"alice","iss":"` + origin + `","aud":"` + origin + `","exp":"253402300799"}`,
		`{"sub":"alice","iss":"` + origin + `","aud":"` + origin + `","exp":-1e-300,"nbf":1e999}`,
		`{"sub":["alice"],"iss":null,"aud":[[]],"exp":null}`,
		`{}`, `null`, `[`, ``,
	} {
		f.Add([]byte(claims))
	}
	f.Fuzz(func(t *testing.T, claims []byte) {
		verified, err := verifier.Verify(t.Context(), issuer.Sign(issuer.Header(), claims))
		if err != nil {
			checkRefusal(t, err, string(claims))
			return
		}
		user, members := verified.User, readObject(t, claims)
		audience, ok := members["aud"].([]any)
		if !ok {
			audience = []any{members["aud"]}
		}
		if members["sub"] != user.String() || members["iss"] != origin || !slices.Contains(audience, any(origin)) {
			t.Errorf("accepted for %q: %q", user, claims)
		}
		exp, ok := members["exp"].(json.Number)
		if expires, err := exp.Float64(); !ok || err != nil || expires < float64(time.Now().Unix()-31) ||
			math.Abs(expires-float64(verified.Expires.Unix()-30)) > 1 {
			t.Errorf("accepted beyond its time: %q", claims)
		}
		if strings.TrimSpace(user.String()) == "" || strings.ContainsRune(user.String(), 0) {
			t.Errorf("accepted for %q", user)
		}
	})
}

// FuzzBearerToken sends any Authorization header. What is taken for the token
// is in it, behind the scheme.
func FuzzBearerToken(f *testing.F) {
	for _, value := range []string{
		"Bearer a.b.c", "bearer  a", "BEARER a b", "Bearer", "Bearer ", " Bearer a", "Basic YQ==", "Bearer\ta", "Bearer a, Bearer b", "",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token, err := auth.BearerToken(http.Header{"Authorization": {value}})
		if err != nil {
			checkRefusal(t, err, value)
			return
		}
		scheme, rest, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.Trim(rest, " ") != token {
			t.Errorf("%q was taken from %q", token, value)
		}
		if _, err := auth.BearerToken(http.Header{"Authorization": {value, value}}); err == nil {
			t.Errorf("%q was taken twice", value)
		}
	})
}

// readObject reads what was accepted, and fails the test unless it is one JSON
// object whose members have different names: of two, readers take either.
func readObject(t *testing.T, text []byte) map[string]any {
	t.Helper()
	if !json.Valid(text) {
		t.Fatalf("accepted, but not JSON: %q", text)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // One that is ignored may be beyond every range.
	if brace, err := decoder.Token(); err != nil || brace != json.Delim('{') {
		t.Fatalf("accepted, but not an object: %q", text)
	}
	members := make(map[string]any)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if _, twice := members[fmt.Sprint(name)]; twice {
			t.Fatalf("accepted, but with %v twice: %q", name, text)
		}
		members[fmt.Sprint(name)] = value
	}
	return members
}

// checkRefusal checks that an error is a refusal that tells nothing of what was
// sent.
func checkRefusal(t *testing.T, err error, sent string) {
	t.Helper()
	var refused *auth.RefusedError
	if !errors.As(err, &refused) {
		t.Errorf("%q: %v, want a refusal", sent, err)
		return
	}
	if err.Error() != "access token refused: "+string(refused.Reason) || len([]rune(refused.KeyID)) > 64 {
		t.Errorf("%q: the refusal is %q with key ID %q", sent, err, refused.KeyID)
	}
}
