package hostile

import (
	"strings"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// Headers returns tokens whose header alone is wrong: the issuer's own key signs
// each. stranger is a URL that some of them name, and that nobody may ask.
func Headers(issuer *authtest.Issuer, stranger string) []Token {
	claims := issuer.Claims(subject)
	insert := strings.NewReplacer("KID", issuer.KeyID(), "STRANGER", stranger)
	var tokens []Token
	for _, test := range []struct {
		name   string
		header string
		reason auth.Reason
	}{
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

		{"jku", `{"alg":"RS256","kid":"KID","jku":"STRANGER"}`, auth.ReasonEmbeddedKey},
		{"jku null", `{"alg":"RS256","kid":"KID","jku":null}`, auth.ReasonEmbeddedKey},
		{"jku and unknown kid", `{"alg":"RS256","kid":"stranger","jku":"STRANGER"}`, auth.ReasonEmbeddedKey},
		{"x5u", `{"alg":"RS256","kid":"KID","x5u":"STRANGER"}`, auth.ReasonEmbeddedKey},
		{"x5c", `{"alg":"RS256","kid":"KID","x5c":["eA=="]}`, auth.ReasonEmbeddedKey},
		{"jwk", `{"alg":"RS256","kid":"KID","jwk":{"kty":"oct","k":"eA"}}`, auth.ReasonEmbeddedKey},

		{"kid missing", `{"alg":"RS256"}`, auth.ReasonKeyID},
		{"kid null", `{"alg":"RS256","kid":null}`, auth.ReasonKeyID},
		{"kid empty", `{"alg":"RS256","kid":""}`, auth.ReasonKeyID},
		{"kid a number", `{"alg":"RS256","kid":0}`, auth.ReasonKeyID},
		{"kid an array", `{"alg":"RS256","kid":["KID"]}`, auth.ReasonKeyID},
		{"kid huge", `{"alg":"RS256","kid":"` + strings.Repeat("k", 4000) + `"}`, auth.ReasonKeyID},
		{"kid of 129 bytes", `{"alg":"RS256","kid":"` + strings.Repeat("k", 129) + `"}`, auth.ReasonKeyID},
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
		tokens = append(tokens, Token{test.name, issuer.Sign([]byte(insert.Replace(test.header)), claims), test.reason})
	}
	return tokens
}
