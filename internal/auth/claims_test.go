package auth_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
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
	const accepted = auth.Reason("")
	for _, test := range []struct {
		name   string
		edit   authtest.Edit
		reason auth.Reason
	}{
		{"as Better Auth writes them", func(map[string]any) {}, accepted},
		{"claims that nobody knows", with("role", []string{"admin"}), accepted},
		{"names, quotes and brackets in values", with("x", raw(`{"sub":[{"sub":":"}],"sub":"}\\","a\"b":"\":{"}`)), accepted},

		{"no iss", without("iss"), auth.ReasonIssuer},
		{"iss null", with("iss", nil), auth.ReasonIssuer},
		{"iss empty", with("iss", ""), auth.ReasonIssuer},
		{"iss a number", with("iss", 1), auth.ReasonIssuer},
		{"iss in an array", with("iss", []string{origin}), auth.ReasonIssuer},
		{"iss a prefix of ours", with("iss", origin[:len(origin)-1]), auth.ReasonIssuer},
		{"iss begins like ours", with("iss", origin+".evil.test"), auth.ReasonIssuer},
		{"iss with a slash at the end", with("iss", origin+"/"), auth.ReasonIssuer},
		{"iss in another case", with("iss", strings.ToUpper(origin)), auth.ReasonIssuer},
		{"iss with white space", with("iss", origin+" "), auth.ReasonIssuer},
		{"iss under a name in another case", func(claims map[string]any) {
			claims["Iss"] = claims["iss"]
			delete(claims, "iss")
		}, auth.ReasonIssuer},

		{"aud an array of ours", with("aud", []string{origin}), accepted},
		{"aud an array with ours", with("aud", []string{"other", origin}), accepted},
		{"no aud", without("aud"), auth.ReasonAudience},
		{"aud null", with("aud", nil), auth.ReasonAudience},
		{"aud a number", with("aud", 1), auth.ReasonAudience},
		{"aud an object", with("aud", map[string]any{origin: true}), auth.ReasonAudience},
		{"aud empty", with("aud", []string{}), auth.ReasonAudience},
		{"aud an array with ours and a number", with("aud", []any{origin, 1}), auth.ReasonAudience},
		{"aud an array with ours and null", with("aud", []any{origin, nil}), auth.ReasonAudience},
		{"aud an array in an array", with("aud", []any{[]string{origin}}), auth.ReasonAudience},
		{"aud an array of others", with("aud", []string{"other", "another"}), auth.ReasonAudience},
		{"aud a prefix of ours", with("aud", origin[:len(origin)-1]), auth.ReasonAudience},
		{"aud begins like ours", with("aud", origin+"0"), auth.ReasonAudience},
		{"aud ends like ours", with("aud", "x"+origin), auth.ReasonAudience},
		{"aud with a slash at the end", with("aud", origin+"/"), auth.ReasonAudience},
		{"aud in another case", with("aud", strings.ToUpper(origin)), auth.ReasonAudience},
		{"aud holds ours among words", with("aud", "other "+origin), auth.ReasonAudience},

		{"exp 29 s ago", with("exp", secondsFromNow(-29)), accepted},
		{"exp 29.9 s ago", with("exp", secondsFromNow(-29.9)), accepted},
		{"exp 30 s ago", with("exp", secondsFromNow(-30)), auth.ReasonExpired},
		{"exp 31 s ago", with("exp", secondsFromNow(-31)), auth.ReasonExpired},
		{"exp in the last second of the year 9999", with("exp", raw("253402300799")), accepted},
		{"no exp", without("exp"), auth.ReasonTimeClaim},
		{"exp null", with("exp", nil), auth.ReasonTimeClaim},
		{"exp 0", with("exp", 0), auth.ReasonTimeClaim},
		{"exp a fraction of the first second", with("exp", 0.5), auth.ReasonTimeClaim},
		{"exp negative", with("exp", -1), auth.ReasonTimeClaim},
		{"exp a string", with("exp", "4102444800"), auth.ReasonTimeClaim},
		{"exp true", with("exp", true), auth.ReasonTimeClaim},
		{"exp an array", with("exp", []int{4102444800}), auth.ReasonTimeClaim},
		{"exp 1e30", with("exp", raw("1e30")), auth.ReasonTimeClaim},
		{"exp 1e400", with("exp", raw("1e400")), auth.ReasonTimeClaim},
		{"exp beyond 64 bits", with("exp", raw("18446744073709551616")), auth.ReasonTimeClaim},

		{"nbf in 29 s", with("nbf", secondsFromNow(29)), accepted},
		{"nbf in 31 s", with("nbf", secondsFromNow(31)), auth.ReasonNotYetValid},
		{"nbf long ago", with("nbf", 0), accepted},
		{"nbf null", with("nbf", nil), auth.ReasonTimeClaim},
		{"nbf a string", with("nbf", "0"), auth.ReasonTimeClaim},
		{"nbf negative", with("nbf", -1), auth.ReasonTimeClaim},
		{"nbf 1e30", with("nbf", raw("1e30")), auth.ReasonTimeClaim},

		{"no iat", without("iat"), accepted},
		{"iat in 29 s", with("iat", secondsFromNow(29)), accepted},
		{"iat in 31 s", with("iat", secondsFromNow(31)), auth.ReasonNotYetValid},
		{"iat null", with("iat", nil), auth.ReasonTimeClaim},
		{"iat a string", with("iat", "0"), auth.ReasonTimeClaim},
		{"iat 1e30", with("iat", raw("1e30")), auth.ReasonTimeClaim},

		{"sub of 255 characters", with("sub", strings.Repeat("é", 255)), accepted},
		{"no sub", without("sub"), auth.ReasonSubject},
		{"sub null", with("sub", nil), auth.ReasonSubject},
		{"sub empty", with("sub", ""), auth.ReasonSubject},
		{"sub blank", with("sub", " \u00a0\t"), auth.ReasonSubject},
		{"sub a number", with("sub", 42), auth.ReasonSubject},
		{"sub in an array", with("sub", []string{"alice"}), auth.ReasonSubject},
		{"sub of 256 characters", with("sub", strings.Repeat("é", 256)), auth.ReasonSubject},
		{"sub with NUL", with("sub", "alice\x00"), auth.ReasonSubject},
		{"sub with half a surrogate pair", with("sub", raw(`"alice\ud800"`)), auth.ReasonSubject},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, auth.KeySetConfig{}, nil)
				token := w.issuer.Token("alice", test.edit)
				if test.reason == "" {
					w.accepts(token)
				} else {
					w.refuses(token, test.reason)
				}
				w.fetched(1)
			})
		})
	}
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
			user, err := w.verifier.Verify(t.Context(), w.issuer.Token(subject))
			if err != nil || user.String() != subject {
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
		_, err := later.Verify(t.Context(), token)
		wantRefusal(t, err, auth.ReasonExpired)
		w.accepts(token)
		time.Sleep(16 * time.Minute)
		w.refuses(token, auth.ReasonExpired)
	})
}
