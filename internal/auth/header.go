package auth

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// jwt is a token split into its parts (RFC 7515 section 7.1). Its signature and claims
// are not verified.
type jwt struct {
	signed    []byte // The signed bytes: header and payload as sent.
	signature []byte
	payload   []byte
	keyID     string
}

// parseJWT splits a token and checks its header. It fails with a [*RefusedError].
func parseJWT(token string) (jwt, error) {
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, found := strings.Cut(rest, ".")
	if !found || strings.Contains(signature, ".") {
		return jwt{}, refuse(ReasonMalformed)
	}
	// The base64 decoder would ignore line breaks.
	if strings.ContainsAny(token, "\r\n") {
		return jwt{}, refuse(ReasonMalformed)
	}
	decoded := make([][]byte, 0, 3)
	for _, part := range []string{header, payload, signature} {
		// Strict: each byte sequence has exactly one encoding, without padding.
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

// checkHeader returns the key ID of a header. It fails with a [*RefusedError] when the
// header is not acceptable. Members that it doesn't know are ignored, as RFC 7515
// section 4 demands: Better Auth sends alg and kid, others add typ.
func checkHeader(data []byte) (keyID string, err error) {
	header, err := parseObject(data)
	if err != nil {
		return "", refuse(ReasonMalformed)
	}
	// First, so that every error below can name it.
	keyID, isString := header.text("kid")

	// The token must not choose how it is verified (RFC 8725 section 3.1).
	if alg, _ := header.text("alg"); alg != algorithm {
		return "", refuseKey(ReasonAlgorithm, keyID)
	}
	if _, ok := header["crit"]; ok {
		return "", refuseKey(ReasonCritical, keyID)
	}
	// Nor must it choose the key (RFC 8725 section 3.10). These members are never
	// followed; a token that has one is not from our issuer.
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
