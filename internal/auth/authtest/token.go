package authtest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// Edit changes the claims of a token before it is signed.
type Edit func(claims map[string]any)

// With sets a claim to the JSON of a value; nil is null.
func With(name string, value any) Edit {
	return func(claims map[string]any) { claims[name] = value }
}

// Without leaves a claim out.
func Without(name string) Edit {
	return func(claims map[string]any) { delete(claims, name) }
}

// Token returns a token for a made-up user, as Better Auth would write it, apart from
// the edits. It panics when an edit makes a claim that can't be written as JSON.
func (i *Issuer) Token(subject string, edits ...Edit) string {
	claims := i.Claims(subject)
	for _, edit := range edits {
		edit(claims)
	}
	key := i.signer() // Once, since a rotation may happen in between.
	return key.sign(key.header(), claims)
}

// Header returns the header of Better Auth's tokens: alg and kid, without typ.
func (i *Issuer) Header() map[string]any { return i.signer().header() }

func (k signingKey) header() map[string]any {
	return map[string]any{"alg": "RS256", "kid": k.id}
}

// Claims returns the claims of Better Auth's tokens: the user's fields and the
// registered claims. Times are whole seconds.
func (i *Issuer) Claims(subject string) map[string]any {
	now := time.Now()
	claims := user(subject, now)
	maps.Copy(claims, map[string]any{
		"sub": subject,
		"iss": i.origin,
		"aud": i.origin,
		"iat": now.Unix(),
		"exp": now.Add(i.life).Unix(),
	})
	return claims
}

// user returns the fields of Better Auth's user row for a made-up user.
func user(id string, now time.Time) map[string]any {
	const isoMillis = "2006-01-02T15:04:05.000Z"
	return map[string]any{
		"id":            id,
		"name":          id,
		"email":         id + "@example.com",
		"emailVerified": true,
		"image":         nil,
		"createdAt":     now.UTC().Format(isoMillis),
		"updatedAt":     now.UTC().Format(isoMillis),
	}
}

// Sign returns a token of any header and claims, signed with RS256 and the current
// key. Both are written as JSON, but a []byte is taken as it is, so that a test can use
// malformed JSON. It panics when one can't be written.
func (i *Issuer) Sign(header, claims any) string { return i.signer().sign(header, claims) }

func (k signingKey) sign(header, claims any) string {
	signed := encode(header) + "." + encode(claims)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, k.private, crypto.SHA256, digest[:])
	if err != nil {
		panic(fmt.Errorf("authtest: signing: %w", err)) // Not with a key of this size.
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func encode(value any) string {
	text, ok := value.([]byte)
	if !ok {
		var err error
		if text, err = json.Marshal(value); err != nil {
			panic(fmt.Errorf("authtest: not writable as JSON: %w", err))
		}
	}
	return base64.RawURLEncoding.EncodeToString(text)
}
