package auth

import (
	"fmt"
	"testing"
)

// Remembers says whether a token is remembered and would be accepted for it.
func (v *Verifier) Remembers(token string) bool {
	_, ok := v.memory.recall(digestOf(token), v.keys, v.now())
	return ok
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := newMemory()
	for i := range maxRemembered + 10 {
		m.remember(digestOf(fmt.Sprint(i)), verified{})
	}
	if got := m.tokens.Len(); got != maxRemembered {
		t.Errorf("%d tokens are remembered, want %d", got, maxRemembered)
	}
	if m.tokens.Contains(digestOf("9")) || !m.tokens.Contains(digestOf("10")) {
		t.Error("the tokens that were used least recently are not the ones forgotten")
	}
}
