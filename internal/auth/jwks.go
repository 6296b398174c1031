package auth

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// errNoUsableKey means that a key set has no key for RS256.
var errNoUsableKey = errors.New("no usable key")

// errEdDSA means that a key is for EdDSA, and says what to do. EdDSA is Better Auth's
// default. It signs with such a key even after it was configured otherwise.
var errEdDSA = errors.New(`the issuer signs with EdDSA, but this service accepts RS256 only: ` +
	`in Better Auth's jwt plugin set jwks.keyPairConfig to { alg: "RS256" }, ` +
	`then set expiresAt to a past time in the old key's row of its jwks table`)

// parseKeySet returns the usable keys of a key set (RFC 7517 section 5) by key ID. It
// skips other keys, as the RFC asks, and fails with errNoUsableKey when none is left.
// Of two keys with the same ID it takes the first.
func parseKeySet(document []byte) (map[string]*rsa.PublicKey, error) {
	members, err := splitKeySet(document)
	if err != nil {
		return nil, err
	}
	keys := make(map[string]*rsa.PublicKey, len(members))
	fault := errors.New("it is empty")
	for i, member := range members {
		key, err := parseKey(member)
		if err != nil {
			// errEdDSA says what to do, so it wins over the faults of other keys.
			if i == 0 || errors.Is(err, errEdDSA) {
				fault = err
			}
			continue
		}
		if keys[key.id] == nil {
			keys[key.id] = key.public
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w among %d: %w", errNoUsableKey, len(members), fault)
	}
	return keys, nil
}

// splitKeySet returns the keys of a set without parsing them. It fails as soon as there
// are more than maxKeys, so that a huge number of small keys costs no more.
func splitKeySet(document []byte) ([]json.RawMessage, error) {
	set, err := parseObject(document)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(set["keys"]))
	if start, err := decoder.Token(); err != nil || start != json.Delim('[') {
		return nil, errors.New(`it has no array "keys"`)
	}
	var members []json.RawMessage
	for decoder.More() {
		if len(members) == maxKeys {
			return nil, fmt.Errorf("it has more than %d keys", maxKeys)
		}
		var member json.RawMessage
		if err := decoder.Decode(&member); err != nil {
			return nil, fmt.Errorf("a key in it can't be read: %w", err)
		}
		members = append(members, member)
	}
	return members, nil
}

// verificationKey is a key that verifies RS256.
type verificationKey struct {
	id     string
	public *rsa.PublicKey
}

// parseKey parses a JSON Web Key (RFC 7517 section 4). It fails when the key can't
// verify RS256, with a text that quotes nothing of the issuer's document.
func parseKey(data []byte) (verificationKey, error) {
	if len(data) > maxKeyBytes {
		return verificationKey{}, fmt.Errorf("a key of more than %d bytes", maxKeyBytes)
	}
	parsed, err := jwk.ParseKey(data)
	if err != nil {
		return verificationKey{}, errors.New("a key of an unknown type, or without what its type needs")
	}
	if parsed.KeyType() == jwa.OKP {
		return verificationKey{}, errEdDSA
	}
	// A published private key has another type. It is rejected: it is no longer a secret.
	key, ok := parsed.(jwk.RSAPublicKey)
	if !ok {
		return verificationKey{}, errors.New("a key that is not a public one for RSA")
	}
	n, e := new(big.Int).SetBytes(key.N()), new(big.Int).SetBytes(key.E())
	switch alg, use := key.Algorithm().String(), key.KeyUsage(); {
	case alg != "" && alg != algorithm:
		return verificationKey{}, errors.New("a key for an algorithm other than " + algorithm)
	case use != "" && use != string(jwk.ForSignature):
		return verificationKey{}, errors.New("a key that is not for signatures")
	case key.KeyID() == "" || len(key.KeyID()) > maxKeyIDBytes:
		return verificationKey{}, fmt.Errorf("a key whose ID is not of 1 to %d bytes", maxKeyIDBytes)
	case n.BitLen() < minKeyBits || n.BitLen() > maxKeyBits:
		return verificationKey{}, fmt.Errorf("a key of %d bits, and not %d to %d", n.BitLen(), minKeyBits, maxKeyBits)
	// crypto/rsa takes no others. The check is on the big.Int, since an int would cut
	// a larger number.
	case e.Cmp(big.NewInt(3)) < 0 || e.Cmp(big.NewInt(math.MaxInt32)) > 0 || e.Bit(0) == 0 || n.Bit(0) == 0:
		return verificationKey{}, errors.New("a key with an impossible exponent or modulus")
	}
	return verificationKey{id: key.KeyID(), public: &rsa.PublicKey{N: n, E: int(e.Int64())}}, nil
}
