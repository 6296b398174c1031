// Package auth turns a request's access token into the user who calls. It has the
// verifier of tokens, which are JWTs (RFC 7519) signed with RS256, and the set of the
// issuer's keys, which it fetches and keeps fresh.
//
// The tokens are Better Auth's. This package checks each header and claim itself,
// since the library that verifies signatures and parses keys (lestrrat-go/jwx) is less
// strict.
package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"example.com/todo-backend/internal/todo"
)

// Config says which tokens a [Verifier] accepts.
type Config struct {
	// Issuer must equal the claim iss.
	Issuer string
	// Audience must equal the claim aud, or one of its members.
	Audience string
	// Keys are the issuer's. Required.
	Keys *KeySet
	// Now is the clock that tokens expire by; nil for [time.Now].
	Now func() time.Time
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	issuer   string
	audience string
	keys     *KeySet
	now      func() time.Time
	cache    *tokenCache
}

// NewVerifier returns a Verifier of the tokens that cfg describes.
func NewVerifier(cfg Config) *Verifier {
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	return &Verifier{issuer: cfg.Issuer, audience: cfg.Audience, keys: cfg.Keys, now: now, cache: newTokenCache()}
}

// Identity is what a verified token says.
type Identity struct {
	User todo.UserID
	// Expires is when the token is no longer accepted: its exp, and the leeway.
	Expires time.Time
}

// Verify returns whom a token was issued to. It fails with a
// [*RefusedError] when it rejects the token, with [ErrKeysUnavailable] when there are
// no keys to verify it with, and with the context's error when ctx ends first. It
// waits for keys for at most 5 seconds.
//
// Verified tokens are cached. A cached token is accepted for as long as it is valid
// and the issuer publishes its key.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	if len(token) > maxTokenBytes {
		return Identity{}, refuse(ReasonTooLarge)
	}
	digest := digestOf(token)
	if found, ok := v.cache.get(digest, v.keys, v.now()); ok {
		return found, nil
	}
	parsed, err := parseJWT(token)
	if err != nil {
		return Identity{}, err
	}
	key, err := v.keys.find(ctx, parsed.keyID)
	if err != nil {
		return Identity{}, err
	}
	// Not jws.Verify: it parses the header again, less strictly, and verifies the
	// parsed form instead of the bytes that were sent.
	rs256, err := jws.NewVerifier(jwa.RS256)
	if err != nil {
		return Identity{}, fmt.Errorf("auth: %w", err)
	}
	if err := rs256.Verify(parsed.signed, parsed.signature, key); err != nil {
		return Identity{}, refuseKey(ReasonSignature, parsed.keyID)
	}
	user, window, reason := checkClaims(parsed.payload, v.issuer, v.audience, v.now())
	if reason != "" {
		return Identity{}, refuseKey(reason, parsed.keyID)
	}
	v.cache.add(digest, verified{user: user, keyID: parsed.keyID, key: key, window: window})
	return Identity{User: user, Expires: window.until}, nil
}
