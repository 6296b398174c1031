package hostile

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// Signatures returns tokens that are signed well by keys which [Publish] has
// published: they name the algorithm, or claim to be signed with the issuer's own
// key.
func Signatures(issuer *authtest.Issuer, keys []Key) []Token {
	claims := issuer.Claims(subject)
	var tokens []Token
	for _, key := range keys {
		for _, test := range []struct {
			name      string
			algorithm string
			keyID     string
			reason    auth.Reason
		}{
			{"by a key of the set", key.Algorithm, key.Algorithm, auth.ReasonAlgorithm},
			{"by a key of the set, naming ours", key.Algorithm, issuer.KeyID(), auth.ReasonAlgorithm},
			{"said to be RS256, naming ours", "RS256", issuer.KeyID(), auth.ReasonSignature},
		} {
			tokens = append(tokens, Token{
				Name:   key.Algorithm + " " + test.name,
				Text:   Compact(header(test.algorithm, test.keyID), claims, key.Sign),
				Reason: test.reason,
			})
		}
	}
	return tokens
}

// PublicKeySecrets returns tokens of the oldest attack on verifiers that let the
// token choose: the issuer's public key, taken for a secret of HS256.
func PublicKeySecrets(issuer *authtest.Issuer) []Token {
	public, claims := issuer.PublicKey(), issuer.Claims(subject)
	pkix, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(fmt.Errorf("hostile: %w", err))
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(public)
	var tokens []Token
	for _, secret := range []struct {
		name  string
		bytes []byte
	}{
		{"PKIX in PEM", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})},
		{"PKCS #1 in PEM", pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1})},
		{"PKIX", pkix},
		{"PKCS #1", pkcs1},
		{"the modulus", public.N.Bytes()},
		{"the JWK", []byte(JWK(issuer.KeyID(), public))},
		{"nothing", nil},
	} {
		for algorithm, reason := range map[string]auth.Reason{
			"HS256": auth.ReasonAlgorithm,
			"RS256": auth.ReasonSignature,
		} {
			tokens = append(tokens, Token{
				Name:   "HS256, said to be " + algorithm + ", with the public key: " + secret.name,
				Text:   Compact(header(algorithm, issuer.KeyID()), claims, SignHS256(secret.bytes)),
				Reason: reason,
			})
		}
	}
	return tokens
}

func header(algorithm, keyID string) string {
	return fmt.Sprintf(`{"alg":%q,"kid":%q}`, algorithm, keyID)
}
