package auth

import (
	"crypto/rsa"
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"example.com/todo-backend/internal/todo"
)

// memory holds tokens that were verified, so that a caller who sends one token
// with many calls is verified once. It knows them by their SHA-256, never the
// tokens themselves, and forgets those that were used least recently. It is
// safe for concurrent use.
type memory struct{ tokens *lru.Cache[digest, verified] }

// digest is a token's SHA-256.
type digest [sha256.Size]byte

// digestOf returns a token's digest.
func digestOf(token string) digest {
	var usual [1024]byte // A conversion to a slice would allocate, and more room make every stack grow.
	return sha256.Sum256(append(usual[:0], token...))
}

// verified is what is left of a token once it was verified.
type verified struct {
	user   todo.UserID
	keyID  string
	key    *rsa.PublicKey // Which the signature was made with.
	window window
}

func newMemory() *memory {
	tokens, err := lru.New[digest, verified](maxRemembered)
	if err != nil {
		panic(err) // The bound is not positive.
	}
	return &memory{tokens: tokens}
}

// recall returns the user of a token that was verified, if it would be again:
// its key is still the issuer's and its time has not passed. What it does not
// recall has to be verified anew, which finds out why.
func (m *memory) recall(token digest, keys *KeySet, now time.Time) (todo.UserID, bool) {
	v, ok := m.tokens.Get(token)
	if !ok || v.window.check(now) != "" || !keys.holds(v.keyID, v.key) {
		return todo.UserID{}, false
	}
	return v.user, true
}

// remember keeps a token that was verified.
func (m *memory) remember(token digest, v verified) { m.tokens.Add(token, v) }
