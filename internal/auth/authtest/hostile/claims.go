package hostile

import (
	"encoding/json"
	"strings"
	"time"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// Claims returns tokens whose claims alone are wrong: the issuer's own key signs
// each. Dates are minutes off, so that they stay wrong for as long as a test runs.
func Claims(issuer *authtest.Issuer) []Token {
	with, without := authtest.With, authtest.Without
	raw := func(text string) any { return json.RawMessage(text) }
	ours, now := issuer.Origin(), time.Now()
	soon := now.Add(time.Hour).Unix() // Still so at the end of a slow run.
	var tokens []Token
	for _, test := range []struct {
		name   string
		edit   authtest.Edit
		reason auth.Reason
	}{
		{"no iss", without("iss"), auth.ReasonIssuer},
		{"iss null", with("iss", nil), auth.ReasonIssuer},
		{"iss empty", with("iss", ""), auth.ReasonIssuer},
		{"iss a number", with("iss", 1), auth.ReasonIssuer},
		{"iss in an array", with("iss", []string{ours}), auth.ReasonIssuer},
		{"iss a prefix of ours", with("iss", ours[:len(ours)-1]), auth.ReasonIssuer},
		{"iss begins like ours", with("iss", ours+".evil.test"), auth.ReasonIssuer},
		{"iss with a slash at the end", with("iss", ours+"/"), auth.ReasonIssuer},
		{"iss in another case", with("iss", strings.ToUpper(ours)), auth.ReasonIssuer},
		{"iss with white space", with("iss", ours+" "), auth.ReasonIssuer},
		{"iss under a name in another case", func(claims map[string]any) {
			claims["Iss"] = claims["iss"]
			delete(claims, "iss")
		}, auth.ReasonIssuer},

		{"no aud", without("aud"), auth.ReasonAudience},
		{"aud null", with("aud", nil), auth.ReasonAudience},
		{"aud a number", with("aud", 1), auth.ReasonAudience},
		{"aud an object", with("aud", map[string]any{ours: true}), auth.ReasonAudience},
		{"aud empty", with("aud", []string{}), auth.ReasonAudience},
		{"aud an array with ours and a number", with("aud", []any{ours, 1}), auth.ReasonAudience},
		{"aud an array with ours and null", with("aud", []any{ours, nil}), auth.ReasonAudience},
		{"aud an array in an array", with("aud", []any{[]string{ours}}), auth.ReasonAudience},
		{"aud an array of others", with("aud", []string{"other", "another"}), auth.ReasonAudience},
		{"aud a prefix of ours", with("aud", ours[:len(ours)-1]), auth.ReasonAudience},
		{"aud begins like ours", with("aud", ours+"0"), auth.ReasonAudience},
		{"aud ends like ours", with("aud", "x"+ours), auth.ReasonAudience},
		{"aud with a slash at the end", with("aud", ours+"/"), auth.ReasonAudience},
		{"aud in another case", with("aud", strings.ToUpper(ours)), auth.ReasonAudience},
		{"aud holds ours among words", with("aud", "other "+ours), auth.ReasonAudience},

		{"exp a minute ago", with("exp", now.Add(-time.Minute).Unix()), auth.ReasonExpired},
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

		{"nbf in an hour", with("nbf", soon), auth.ReasonNotYetValid},
		{"nbf null", with("nbf", nil), auth.ReasonTimeClaim},
		{"nbf a string", with("nbf", "0"), auth.ReasonTimeClaim},
		{"nbf negative", with("nbf", -1), auth.ReasonTimeClaim},
		{"nbf 1e30", with("nbf", raw("1e30")), auth.ReasonTimeClaim},

		{"iat in an hour", with("iat", soon), auth.ReasonNotYetValid},
		{"iat null", with("iat", nil), auth.ReasonTimeClaim},
		{"iat a string", with("iat", "0"), auth.ReasonTimeClaim},
		{"iat 1e30", with("iat", raw("1e30")), auth.ReasonTimeClaim},

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
		tokens = append(tokens, Token{test.name, issuer.Token(subject, test.edit), test.reason})
	}
	return tokens
}
