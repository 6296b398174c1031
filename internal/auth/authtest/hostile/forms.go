package hostile

import (
	"fmt"
	"strings"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// Forms returns tokens that are not, or not any more, in the form that the issuer
// gave a good one.
func Forms(issuer *authtest.Issuer) []Token {
	tokens := []Token{{
		"over 8 KiB", issuer.Token(subject, authtest.With("pad", strings.Repeat("x", 8<<10))), auth.ReasonTooLarge,
	}}
	parts := strings.Split(issuer.Token(subject), ".")
	for _, test := range []struct {
		name   string
		of     func(header, payload, signature string) string
		reason auth.Reason
	}{
		{"one part", func(h, _, _ string) string { return h }, auth.ReasonMalformed},
		{"two parts", func(h, p, _ string) string { return h + "." + p }, auth.ReasonMalformed},
		{"no signature", func(h, p, _ string) string { return h + "." + p + "." }, auth.ReasonSignature},
		{"no payload", func(h, _, s string) string { return h + ".." + s }, auth.ReasonSignature},
		{"no header", func(_, p, s string) string { return "." + p + "." + s }, auth.ReasonMalformed},
		{"four parts", func(h, p, s string) string { return h + "." + p + "." + s + "." }, auth.ReasonMalformed},
		{"five parts, as JWE", func(h, p, s string) string { return h + "." + p + "." + s + "." + p + "." + s }, auth.ReasonMalformed},
		{"a JWE", func(_, p, _ string) string {
			return encode([]byte(`{"alg":"dir","enc":"A128GCM"}`)) + ".." + encode([]byte("iv")) + "." + p + "." + encode([]byte("tag"))
		}, auth.ReasonMalformed},
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
		tokens = append(tokens, Token{test.name, test.of(parts[0], parts[1], parts[2]), test.reason})
	}
	return tokens
}
