package auth

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v2/jwa"
)

// algorithm is the one that tokens and keys must be for: RSASSA-PKCS1-v1_5 with
// SHA-256 (RFC 7518 section 3.3).
const algorithm = string(jwa.RS256)

// jwt is a token taken apart (RFC 7515 section 7.1), with nothing verified.
type jwt struct {
	signed    []byte // What the signature is over: header and payload as sent.
	signature []byte
	payload   []byte
	keyID     string
}

// parseJWT takes a token apart and checks its header. It fails with a
// [*RefusedError].
func parseJWT(token string) (jwt, error) {
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, found := strings.Cut(rest, ".")
	if !found || strings.Contains(signature, ".") {
		return jwt{}, refuse(ReasonMalformed)
	}
	// base64 skips line breaks wherever they are.
	if strings.ContainsAny(token, "\r\n") {
		return jwt{}, refuse(ReasonMalformed)
	}
	decoded := make([][]byte, 0, 3)
	for _, part := range []string{header, payload, signature} {
		// Strict: one byte sequence has one spelling, and no padding.
		data, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return jwt{}, refuse(ReasonMalformed)
		}
		decoded = append(decoded, data)
	}
	keyID, err := checkHeader(decoded[0])
	if err != nil {
		return jwt{}, err
	}
	return jwt{
		signed:    []byte(token[:len(header)+1+len(payload)]),
		payload:   decoded[1],
		signature: decoded[2],
		keyID:     keyID,
	}, nil
}

// checkHeader returns the key ID of a header that this service can serve. What
// it does not name is ignored, as RFC 7515 section 4 demands: Better Auth sends
// alg and kid, others add typ.
func checkHeader(data []byte) (keyID string, err error) {
	header, err := parseObject(data)
	if err != nil {
		return "", refuse(ReasonMalformed)
	}
	// First, so that every refusal below can name it.
	keyID, isString := header.text("kid")

	// The token must not choose how it is verified (RFC 8725 section 3.1).
	if alg, _ := header.text("alg"); alg != algorithm {
		return "", refuseKey(ReasonAlgorithm, keyID)
	}
	if _, ok := header["crit"]; ok {
		return "", refuseKey(ReasonCritical, keyID)
	}
	// Nor with which key (RFC 8725 section 3.10). Nothing follows these; a
	// token that has one is not from our issuer.
	for _, name := range []string{"jku", "jwk", "x5u", "x5c"} {
		if _, ok := header[name]; ok {
			return "", refuseKey(ReasonEmbeddedKey, keyID)
		}
	}
	if !isString || keyID == "" || len(keyID) > maxKeyIDBytes || strings.ContainsRune(keyID, utf8.RuneError) {
		return "", refuseKey(ReasonKeyID, keyID)
	}
	return keyID, nil
}
