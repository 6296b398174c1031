package auth_test

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/auth/authtest/hostile"
)

// TestUnusableKeysAreSkipped publishes a key in many forms, beside a plain one
// and alone. Tokens are signed well with it, whatever its form.
func TestUnusableKeysAreSkipped(t *testing.T) {
	t.Parallel()
	key := testKeys()[0]
	type members map[string]any
	edited := func(edit func(members)) string {
		var jwk members
		if err := json.Unmarshal([]byte(hostile.JWK("odd", &key.PublicKey)), &jwk); err != nil {
			t.Fatal(err)
		}
		edit(jwk)
		text, err := json.Marshal(jwk)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	with := func(name string, value any) string { return edited(func(m members) { m[name] = value }) }
	without := func(name string) string { return edited(func(m members) { delete(m, name) }) }
	number := func(n *big.Int) string { return base64URL(n.Bytes()) }
	power := func(bits uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), bits) }
	for _, test := range []struct {
		name   string
		jwk    string
		usable bool
	}{
		{"as Better Auth writes it", with("kty", "RSA"), true},
		{"without alg", without("alg"), true},
		{"alg null", with("alg", nil), true},
		{"use sig", with("use", "sig"), true},
		{"members that nobody knows", with("x", []int{1}), true},

		{"alg RS512", with("alg", "RS512"), false},
		{"alg PS256", with("alg", "PS256"), false},
		{"alg RSA-OAEP", with("alg", "RSA-OAEP"), false},
		{"alg that nobody knows", with("alg", "rs256"), false},
		{"use enc", with("use", "enc"), false},
		{"kty missing", without("kty"), false},
		{"kty EC", with("kty", "EC"), false},
		{"kty oct", edited(func(m members) { m["kty"], m["k"] = "oct", "eA" }), false},
		{"kty OKP", edited(func(m members) { m["kty"], m["crv"], m["x"] = "OKP", "Ed25519", "eA" }), false},
		{"kty unknown", with("kty", "PQC"), false},
		{"n missing", without("n"), false},
		{"n no base64", with("n", "%"), false},
		{"n of 2047 bits", with("n", number(new(big.Int).Sub(power(2047), big.NewInt(1)))), false},
		{"n of 8193 bits", with("n", number(new(big.Int).Add(power(8192), big.NewInt(1)))), false},
		{"n even", with("n", number(new(big.Int).Sub(key.N, big.NewInt(1)))), false},
		{"e missing", without("e"), false},
		{"e 1", with("e", number(big.NewInt(1))), false},
		{"e even", with("e", number(big.NewInt(65536))), false},
		{"e whose last 64 bits are ours", with("e", number(new(big.Int).Add(power(64), big.NewInt(int64(key.E))))), false},
		{"a private key", with("d", number(key.D)), false},
		{"kid in another case", edited(func(m members) { m["KID"] = "odd"; delete(m, "kid") }), false},
		{"an array", "[]", false},
		{"null", "null", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			token := func(w *world) string {
				return hostile.Compact(`{"alg":"RS256","kid":"odd"}`, w.issuer.Claims("alice"), hostile.SignRS256(key))
			}
			synctest.Test(t, func(t *testing.T) {
				plain := hostile.JWK("plain", &testKeys()[1].PublicKey)
				w := newWorld(t, auth.KeySetConfig{}, serving(test.jwk+","+plain))
				w.accepts(hostile.Compact(`{"alg":"RS256","kid":"plain"}`, w.issuer.Claims("alice"), hostile.SignRS256(testKeys()[1])))
				if test.usable {
					w.accepts(token(w))
				} else {
					w.refuses(token(w), auth.ReasonUnknownKey)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, auth.KeySetConfig{}, serving(test.jwk))
				if test.usable {
					w.accepts(token(w))
				} else {
					w.lacksKeys(token(w))
				}
			})
		})
	}
}

func TestOfTwoKeysWithOneIDTheFirstIsTaken(t *testing.T) {
	t.Parallel()
	first, second := testKeys()[0], testKeys()[1]
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, serving(hostile.JWK("twice", &first.PublicKey)+","+hostile.JWK("twice", &second.PublicKey)))
		for key, reason := range map[*rsa.PrivateKey]auth.Reason{first: "", second: auth.ReasonSignature} {
			token := hostile.Compact(`{"alg":"RS256","kid":"twice"}`, w.issuer.Claims("alice"), hostile.SignRS256(key))
			if reason == "" {
				w.accepts(token)
			} else {
				w.refuses(token, reason)
			}
		}
	})
}

func TestKeyIDsAreTakenUpToTheirBound(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("k", 128)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, serving(hostile.JWK(longest, &testKeys()[0].PublicKey)))
		w.accepts(hostile.Compact(fmt.Sprintf(`{"alg":"RS256","kid":%q}`, longest), w.issuer.Claims("alice"), hostile.SignRS256(testKeys()[0])))
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, auth.KeySetConfig{}, serving(hostile.JWK(longest+"k", &testKeys()[0].PublicKey)))
		w.lacksKeys(w.issuer.Token("alice"))
	})
}

// serving prepares an issuer whose set has these keys and no others.
func serving(keys string) func(*authtest.Issuer, *wire) {
	return func(issuer *authtest.Issuer, _ *wire) {
		issuer.ServeBody("application/json", `{"keys":[`+keys+`]}`)
	}
}
