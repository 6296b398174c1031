// Package hostile makes access tokens that must be refused. Each has one thing
// wrong, and the reason for which a verifier refuses it. The tests of the verifier
// and those of the whole service send the same ones.
//
// No verifier needs to fetch keys to refuse one of them.
package hostile

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"example.com/todo-backend/internal/auth"
)

// Token is a token that must be refused.
type Token struct {
	Name   string // What is wrong with it.
	Text   string
	Reason auth.Reason
}

// subject is whom the tokens are for.
const subject = "mallory"

// Signer returns the signature of what a token says.
type Signer func(signed []byte) []byte

// Compact returns a token in compact form (RFC 7515 section 7.1). The header is
// JSON text. It panics when the claims are not writable as JSON.
func Compact(header string, claims any, sign Signer) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(fmt.Errorf("hostile: claims: %w", err))
	}
	signed := encode([]byte(header)) + "." + encode(payload)
	return signed + "." + encode(sign([]byte(signed)))
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
