// Package authtest is an issuer of access tokens like Better Auth with its jwt plugin
// set to RS256: it has the same endpoints, claims and key format. Tests and the
// development stack use it in place of Better Auth. It gives anybody a token for any
// user, so it must be served on loopback only.
package authtest

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// The paths at which Better Auth serves the key set and tokens.
const (
	KeySetPath = "/api/auth/jwks"
	TokenPath  = "/api/auth/token" //nolint:gosec // A path, not a token.
)

// defaultLife is how long Better Auth's tokens are valid by default.
const defaultLife = 15 * time.Minute

// keyBits is the size of the keys that Better Auth makes for RS256.
const keyBits = 2048

// Config says what an [Issuer] is like.
type Config struct {
	// BaseURL is where the issuer is served. Its origin, without a path or a
	// slash at the end, is iss and aud of the tokens. Required.
	BaseURL string
	// Life is how long tokens are valid; 0 for 15 minutes.
	Life time.Duration
	// KeyFile is a PEM file that keeps the signing key between runs, so that tokens
	// stay valid. It is created when missing, readable by its owner alone. Empty for
	// a new key each time.
	KeyFile string
	// NewKey makes signing keys; nil for new ones of 2048 bits. Making one takes up
	// to half a second, so tests that need many can share a few.
	NewKey func() (*rsa.PrivateKey, error)
}

// Issuer signs tokens and serves the keys to verify them with. It is safe for
// concurrent use.
type Issuer struct {
	origin  string
	life    time.Duration
	keyFile string
	newKey  func() (*rsa.PrivateKey, error)
	routes  *http.ServeMux

	mu      sync.Mutex
	keys    []signingKey // Published; the last one signs.
	fault   http.Handler // Replaces serveKeySet when not nil.
	fetches int
}

// NewIssuer returns an issuer with one key. It fails when the base URL is not an
// http or https URL with a host, or when the key can't be made, loaded or saved.
func NewIssuer(cfg Config) (*Issuer, error) {
	base, err := url.Parse(cfg.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("authtest: base URL %q is not like http://localhost:3000", cfg.BaseURL)
	}
	i := &Issuer{
		origin:  base.Scheme + "://" + base.Host,
		life:    cfg.Life,
		keyFile: cfg.KeyFile,
		newKey:  cfg.NewKey,
		routes:  http.NewServeMux(),
	}
	if i.life == 0 {
		i.life = defaultLife
	}
	if i.newKey == nil {
		i.newKey = func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, keyBits) }
	}
	key, err := i.loadOrMakeKey()
	if err != nil {
		return nil, fmt.Errorf("authtest: %w", err)
	}
	i.keys = []signingKey{key}
	i.routes.HandleFunc("GET "+KeySetPath, i.serveKeySet)
	i.routes.HandleFunc("GET "+TokenPath, i.serveToken)
	i.routes.HandleFunc("POST "+TokenPath, i.serveToken)
	return i, nil
}

// Origin returns the origin of the base URL: iss and aud of the tokens.
func (i *Issuer) Origin() string { return i.origin }

// KeySetURL returns the address of the key set.
func (i *Issuer) KeySetURL() string { return i.origin + KeySetPath }

// KeyID returns the ID of the key that signs.
func (i *Issuer) KeyID() string { return i.signer().id }

// PublicKey returns the public half of the key that signs.
func (i *Issuer) PublicKey() *rsa.PublicKey { return &i.signer().private.PublicKey }

// Rotate makes a new key, which signs from now on. Earlier keys stay published, so
// their tokens stay valid. It fails when the key can't be made or saved.
func (i *Issuer) Rotate() error {
	key, err := i.makeKey()
	if err != nil {
		return fmt.Errorf("authtest: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, key)
	return nil
}

// Retire removes all but the newest keys from the key set. newest is their number,
// at least 1, so the key that signs stays.
func (i *Issuer) Retire(newest int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = slices.Clone(i.keys[max(0, len(i.keys)-max(1, newest)):])
}

func (i *Issuer) signer() signingKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1]
}
