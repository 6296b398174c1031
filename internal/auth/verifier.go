// Package auth turns a request's access token into the user who calls. It holds
// the verifier of tokens, which are JWTs (RFC 7519) signed with RS256, and the
// set of the issuer's keys, which it fetches and keeps fresh.
//
// The tokens are Better Auth's. What they must be like is checked here, member
// by member: the library that verifies the signature and reads the keys
// (lestrrat-go/jwx) would let more pass.
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
	// Issuer is what iss must be, to the letter.
	Issuer string
	// Audience is what aud must be or hold, to the letter.
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
	memory   *memory
}

// NewVerifier returns a Verifier of the tokens that cfg describes.
func NewVerifier(cfg Config) *Verifier {
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	return &Verifier{issuer: cfg.Issuer, audience: cfg.Audience, keys: cfg.Keys, now: now, memory: newMemory()}
}

// Verify returns the user whom a token was issued to. A fault of the token is a
// [*RefusedError], which matches [ErrRefused]. When there are no keys to verify
// with, it fails with [ErrKeysUnavailable], and when ctx ends while it waits for
// them, with the context's error. It waits at most 5 seconds.
//
// A token that was verified is remembered, and accepted again for as long as it
// is valid and its key is among the issuer's.
func (v *Verifier) Verify(ctx context.Context, token string) (todo.UserID, error) {
	if len(token) > maxTokenBytes {
		return todo.UserID{}, refuse(ReasonTooLarge)
	}
	digest := digestOf(token)
	if user, ok := v.memory.recall(digest, v.keys, v.now()); ok {
		return user, nil
	}
	parsed, err := parseJWT(token)
	if err != nil {
		return todo.UserID{}, err
	}
	key, err := v.keys.find(ctx, parsed.keyID)
	if err != nil {
		return todo.UserID{}, err
	}
	// Not jws.Verify: it reads the header again by laxer rules, and verifies
	// what it has read rather than what was sent.
	rs256, err := jws.NewVerifier(jwa.RS256)
	if err != nil {
		return todo.UserID{}, fmt.Errorf("auth: %w", err)
	}
	if err := rs256.Verify(parsed.signed, parsed.signature, key); err != nil {
		return todo.UserID{}, refuseKey(ReasonSignature, parsed.keyID)
	}
	user, window, reason := checkClaims(parsed.payload, v.issuer, v.audience, v.now())
	if reason != "" {
		return todo.UserID{}, refuseKey(reason, parsed.keyID)
	}
	v.memory.remember(digest, verified{user: user, keyID: parsed.keyID, key: key, window: window})
	return user, nil
}
