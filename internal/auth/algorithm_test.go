package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// TestHMACWithThePublicKeyIsRefused is about the oldest attack on verifiers
// that let the token choose: the public key, taken for a shared secret.
func TestHMACWithThePublicKeyIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		public := w.issuer.PublicKey()
		pkix, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		pkcs1 := x509.MarshalPKCS1PublicKey(public)
		for _, secret := range [][]byte{
			pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}),
			pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}),
			pkix,
			pkcs1,
			public.N.Bytes(),
			[]byte(publicJWK(w.issuer.KeyID(), public)),
			nil,
		} {
			for alg, reason := range map[string]auth.Reason{
				"HS256": auth.ReasonAlgorithm,
				"RS256": auth.ReasonSignature,
			} {
				header := fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, w.issuer.KeyID())
				w.refuses(compact(header, w.issuer.Claims("alice"), signHS256(secret)), reason)
			}
		}
		w.fetched(1)
	})
}

// TestOnlyRS256IsAccepted signs tokens well, each with a key that the set
// publishes for that algorithm, and says so or claims RS256.
func TestOnlyRS256IsAccepted(t *testing.T) {
	t.Parallel()
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := testKeys()[0]
	rsaJWK := func(alg string) string {
		return strings.Replace(publicJWK(alg, &rsaKey.PublicKey), `"RS256"`, `"`+alg+`"`, 1)
	}
	ecPoint, err := ecKey.PublicKey.Bytes() // 4, X, Y.
	if err != nil {
		t.Fatal(err)
	}
	set := fmt.Sprintf(`{"keys":[%s]}`, strings.Join([]string{
		rsaJWK("RS256"), rsaJWK("RS384"), rsaJWK("RS512"), rsaJWK("PS256"),
		fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"ES256","alg":"ES256","x":%q,"y":%q}`,
			base64URL(ecPoint[1:33]), base64URL(ecPoint[33:])),
		fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":"EdDSA","alg":"EdDSA","x":%q}`, base64URL(edPublic)),
		fmt.Sprintf(`{"kty":"oct","kid":"HS256","alg":"HS256","k":%q}`, base64URL([]byte("secret"))),
	}, ","))
	signers := map[string]func([]byte) []byte{
		"RS256": signRS256(rsaKey),
		"RS384": signRSA(rsaKey, crypto.SHA384, crypto.SHA384),
		"RS512": signRSA(rsaKey, crypto.SHA512, crypto.SHA512),
		"PS256": signRSA(rsaKey, crypto.SHA256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}),
		"ES256": func(signed []byte) []byte {
			digest := sha256.Sum256(signed)
			r, s, err := ecdsa.Sign(rand.Reader, ecKey, digest[:])
			if err != nil {
				panic(err)
			}
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		},
		"EdDSA": func(signed []byte) []byte { return ed25519.Sign(edKey, signed) },
		"HS256": signHS256([]byte("secret")),
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, func(issuer *authtest.Issuer, _ *wire) {
			issuer.ServeBody("application/json", set)
		})
		claims := w.issuer.Claims("alice")
		for alg, sign := range signers {
			honest := compact(fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, alg), claims, sign)
			posing := compact(fmt.Sprintf(`{"alg":"RS256","kid":%q}`, alg), claims, sign)
			borrowing := compact(`{"alg":"RS256","kid":"RS256"}`, claims, sign)
			if alg == "RS256" {
				w.accepts(honest)
				continue
			}
			w.refuses(honest, auth.ReasonAlgorithm)
			w.refuses(posing, auth.ReasonUnknownKey)
			w.refuses(borrowing, auth.ReasonSignature)
		}
	})
}

func TestStrangersSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, nil)
		header := fmt.Sprintf(`{"alg":"RS256","kid":%q}`, w.issuer.KeyID())
		w.refuses(compact(header, w.issuer.Claims("alice"), signRS256(strangersKey())), auth.ReasonSignature)
		w.accepts(compact(header, w.issuer.Claims("alice"), signRS256(testKeys()[1]))) // The issuer's own.
	})
}

// publicJWK returns a JSON Web Key as Better Auth writes it.
func publicJWK(keyID string, key *rsa.PublicKey) string {
	return fmt.Sprintf(`{"alg":"RS256","kty":"RSA","n":%q,"e":%q,"kid":%q}`,
		base64URL(key.N.Bytes()), base64URL(big.NewInt(int64(key.E)).Bytes()), keyID)
}

// keySetOf returns the key set as the issuer serves it at the moment.
func keySetOf(issuer *authtest.Issuer) string {
	recorder := httptest.NewRecorder()
	issuer.ServeHTTP(recorder, httptest.NewRequest("GET", authtest.KeySetPath, nil))
	return recorder.Body.String()
}

func signRS256(key *rsa.PrivateKey) func([]byte) []byte {
	return signRSA(key, crypto.SHA256, crypto.SHA256)
}

func signRSA(key *rsa.PrivateKey, hash crypto.Hash, opts crypto.SignerOpts) func([]byte) []byte {
	return func(signed []byte) []byte {
		digest := hash.New()
		digest.Write(signed)
		signature, err := key.Sign(rand.Reader, digest.Sum(nil), opts)
		if err != nil {
			panic(err)
		}
		return signature
	}
}

func signHS256(secret []byte) func([]byte) []byte {
	return func(signed []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(signed)
		return mac.Sum(nil)
	}
}
