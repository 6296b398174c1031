package hostile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"strings"

	"example.com/todo-backend/internal/auth/authtest"
)

// Key is a key for an algorithm other than RS256. Its ID is the algorithm's name.
type Key struct {
	Algorithm string
	JWK       string // As it is published (RFC 7517).
	Sign      Signer
}

// Keys returns a key for each algorithm other than RS256 that libraries of JWTs
// know. Those of RSA are all the given key. It panics when a key can't be made.
func Keys(private *rsa.PrivateKey) []Key {
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Errorf("hostile: %w", err))
	}
	ecPoint, err := ecKey.PublicKey.Bytes() // 4, X, Y.
	if err != nil {
		panic(fmt.Errorf("hostile: %w", err))
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(fmt.Errorf("hostile: %w", err))
	}
	ecJWK := fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"ES256","alg":"ES256","x":%q,"y":%q}`,
		encode(ecPoint[1:33]), encode(ecPoint[33:]))
	secret := []byte("secret")
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	return []Key{
		{"RS384", jwk("RS384", "RS384", &private.PublicKey), signRSA(private, crypto.SHA384, crypto.SHA384)},
		{"RS512", jwk("RS512", "RS512", &private.PublicKey), signRSA(private, crypto.SHA512, crypto.SHA512)},
		{"PS256", jwk("PS256", "PS256", &private.PublicKey), signRSA(private, crypto.SHA256, pss)},
		{"ES256", ecJWK, signECDSA(ecKey)},
		{"EdDSA", fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":"EdDSA","alg":"EdDSA","x":%q}`, encode(edPublic)), signEd25519(edKey)},
		{"HS256", fmt.Sprintf(`{"kty":"oct","kid":"HS256","alg":"HS256","k":%q}`, encode(secret)), SignHS256(secret)},
	}
}

// Publish has an issuer serve its own key and these, until [authtest.Issuer.Heal].
func Publish(issuer *authtest.Issuer, keys []Key) {
	set := []string{JWK(issuer.KeyID(), issuer.PublicKey())}
	for _, key := range keys {
		set = append(set, key.JWK)
	}
	issuer.ServeBody("application/json", `{"keys":[`+strings.Join(set, ",")+`]}`)
}

// JWK returns a key for RS256 as Better Auth publishes it.
func JWK(keyID string, public *rsa.PublicKey) string { return jwk("RS256", keyID, public) }

func jwk(algorithm, keyID string, public *rsa.PublicKey) string {
	return fmt.Sprintf(`{"alg":%q,"kty":"RSA","n":%q,"e":%q,"kid":%q}`,
		algorithm, encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes()), keyID)
}

// SignRS256 signs with a key of RSA, as the issuer does.
func SignRS256(private *rsa.PrivateKey) Signer { return signRSA(private, crypto.SHA256, crypto.SHA256) }

// SignHS256 signs with a secret.
func SignHS256(secret []byte) Signer {
	return func(signed []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(signed)
		return mac.Sum(nil)
	}
}

func signRSA(private *rsa.PrivateKey, hash crypto.Hash, opts crypto.SignerOpts) Signer {
	return func(signed []byte) []byte {
		digest := hash.New()
		digest.Write(signed)
		signature, err := private.Sign(rand.Reader, digest.Sum(nil), opts)
		if err != nil {
			panic(fmt.Errorf("hostile: signing: %w", err))
		}
		return signature
	}
}

func signECDSA(private *ecdsa.PrivateKey) Signer {
	return func(signed []byte) []byte {
		digest := sha256.Sum256(signed)
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			panic(fmt.Errorf("hostile: signing: %w", err))
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

func signEd25519(private ed25519.PrivateKey) Signer {
	return func(signed []byte) []byte { return ed25519.Sign(private, signed) }
}
