package auth

import (
	"fmt"
	"testing"
)

// Caches reports whether a token is cached and would be accepted for it.
func (v *Verifier) Caches(token string) bool {
	_, ok := v.cache.get(digestOf(token), v.keys, v.now())
	return ok
}

func TestTheTokenCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newTokenCache()
	for i := range maxCachedTokens + 10 {
		c.add(digestOf(fmt.Sprint(i)), verified{})
	}
	if got := c.tokens.Len(); got != maxCachedTokens {
		t.Errorf("%d tokens are cached, want %d", got, maxCachedTokens)
	}
	if c.tokens.Contains(digestOf("9")) || !c.tokens.Contains(digestOf("10")) {
		t.Error("the tokens that were used least recently are not the ones removed")
	}
}
