package auth

import (
	"crypto/rsa"
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"example.com/todo-backend/internal/todo"
)

// tokenCache holds verified tokens, so that a token sent with many calls is verified
// once. It keeps the SHA-256 of a token, never the token itself, and evicts the least
// recently used ones. It is safe for concurrent use.
type tokenCache struct{ tokens *lru.Cache[digest, verified] }

// digest is a token's SHA-256.
type digest [sha256.Size]byte

// digestOf returns a token's digest.
func digestOf(token string) digest {
	var usual [1024]byte // A conversion to a slice would allocate. A larger array would make every stack grow.
	return sha256.Sum256(append(usual[:0], token...))
}

// verified is what the cache keeps of a token.
type verified struct {
	user   todo.UserID
	keyID  string
	key    *rsa.PublicKey // Verified the signature.
	window window
}

func newTokenCache() *tokenCache {
	tokens, err := lru.New[digest, verified](maxCachedTokens)
	if err != nil {
		panic(err) // The bound is not positive.
	}
	return &tokenCache{tokens: tokens}
}

// get returns the identity of a cached token, if the issuer still has its key and it is
// valid at now. Any other token has to be verified again; that finds the reason.
func (c *tokenCache) get(token digest, keys *KeySet, now time.Time) (Identity, bool) {
	v, ok := c.tokens.Get(token)
	if !ok || v.window.check(now) != "" || !keys.holds(v.keyID, v.key) {
		return Identity{}, false
	}
	return Identity{User: v.user, Expires: v.window.until}, true
}

// add adds a verified token.
func (c *tokenCache) add(token digest, v verified) { c.tokens.Add(token, v) }
