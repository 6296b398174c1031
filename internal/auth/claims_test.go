package auth_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/auth/authtest/hostile"
)

// secondsFromNow is the value of a time claim.
type secondsFromNow float64

func (s secondsFromNow) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Now().Unix()) + float64(s))
}

func TestClaims(t *testing.T) {
	t.Parallel()
	with, without := authtest.With, authtest.Without
	raw := func(text string) any { return json.RawMessage(text) }
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		for _, edit := range []authtest.Edit{
			func(map[string]any) {}, // As Better Auth writes them.
			with("role", []string{"admin"}),
			with("x", raw(`{"sub":[{"sub":":"}],"sub":"}\\","a\"b":"\":{"}`)),
			with("aud", []string{origin}),
			with("aud", []string{"other", origin}),
			with("exp", secondsFromNow(-29)),
			with("exp", secondsFromNow(-29.9)),
			with("exp", raw("253402300799")), // The last second of the year 9999.
			with("nbf", secondsFromNow(29)),
			with("nbf", 0),
			without("iat"),
			with("iat", secondsFromNow(29)),
			with("sub", strings.Repeat("é", 255)),
		} {
			w.accepts(w.issuer.Token("alice", edit))
		}
		w.refuses(w.issuer.Token("alice", with("exp", secondsFromNow(-30))), auth.ReasonExpired)
		w.refuses(w.issuer.Token("alice", with("exp", secondsFromNow(-31))), auth.ReasonExpired)
		w.refuses(w.issuer.Token("alice", with("nbf", secondsFromNow(31))), auth.ReasonNotYetValid)
		w.refuses(w.issuer.Token("alice", with("iat", secondsFromNow(31))), auth.ReasonNotYetValid)
		w.refusesAll(hostile.Claims(w.issuer))
		w.fetched(1)
	})
}

func TestClaimsThatAreNotOneStrictJSONObjectAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		good, err := json.Marshal(w.issuer.Claims("alice"))
		if err != nil {
			t.Fatal(err)
		}
		members := strings.TrimPrefix(string(good), "{")
		w.accepts(w.issuer.Sign(w.issuer.Header(), good))
		for _, claims := range []string{
			"", "null", "[]", `"alice"`, "{", "{}x", "[" + string(good) + "]",
			string(good) + string(good),
			string(good) + "}",
			`{"sub":"mallory",` + members,
			`{"s\u0075b":"mallory",` + members,
			`{"sub":"alice",` + members, // Twice the same.
			"{\"name2\":\"\xff\"," + members,
			`{"name2":01,` + members,
			`{name2:1,` + members,
			"\ufeff" + string(good),
		} {
			w.refuses(w.issuer.Sign(w.issuer.Header(), []byte(claims)), auth.ReasonMalformed)
		}
	})
}

func TestVerifyNamesTheSubject(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		for _, subject := range []string{"alice", " Bob | 42 ", "用户"} {
			verified, err := w.verifier.Verify(t.Context(), w.issuer.Token(subject))
			if user := verified.User; err != nil || user.String() != subject {
				t.Errorf("Verify of a token for %q = %q, %v", subject, user, err)
			}
		}
	})
}

func TestTokensExpireByTheVerifiersClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		token := w.issuer.Token("alice") // Good for 15 minutes.
		later := auth.NewVerifier(auth.Config{
			Issuer: origin, Audience: origin, Keys: w.keys,
			Now: func() time.Time { return time.Now().Add(16 * time.Minute) },
		})
		for range 2 { // The second time it is cached.
			verified, err := w.verifier.Verify(t.Context(), token)
			if left := time.Until(verified.Expires); err != nil || left != 15*time.Minute+30*time.Second {
				t.Errorf("the token is good for %v, %v, want 15 minutes and the leeway", left, err)
			}
		}
		_, err := later.Verify(t.Context(), token)
		wantRefusal(t, err, auth.ReasonExpired)
		w.accepts(token)
		time.Sleep(16 * time.Minute)
		w.refuses(token, auth.ReasonExpired)
	})
}
