package authtest

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A key file is one PEM block with the key in PKCS #8 and its ID as a header.
const (
	pemType        = "PRIVATE KEY"
	pemKeyIDHeader = "Key-Id"
)

// signingKey is a private key and the ID that it is published with.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

// makeKey returns a new key and saves it when the issuer has a key file. Its ID is
// random, as Better Auth's are.
func (i *Issuer) makeKey() (signingKey, error) {
	private, err := i.newKey()
	if err != nil {
		return signingKey{}, fmt.Errorf("making a signing key: %w", err)
	}
	key := signingKey{id: rand.Text(), private: private}
	if i.keyFile == "" {
		return key, nil
	}
	return key, key.save(i.keyFile)
}

// loadOrMakeKey returns the key of the key file, or a new one when there is no
// such file.
func (i *Issuer) loadOrMakeKey() (signingKey, error) {
	if i.keyFile == "" {
		return i.makeKey()
	}
	text, err := os.ReadFile(i.keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return i.makeKey()
	}
	if err != nil {
		return signingKey{}, fmt.Errorf("reading the signing key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return signingKey{}, fmt.Errorf("%s: %w; remove the file to get a new key", i.keyFile, err)
	}
	return key, nil
}

// parseKey reads what save wrote.
func parseKey(text []byte) (signingKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType || block.Headers[pemKeyIDHeader] == "" {
		return signingKey{}, errors.New("not a PEM file of a private key with a Key-Id")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return signingKey{}, fmt.Errorf("not a private key: %w", err)
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return signingKey{}, fmt.Errorf("a key of type %T, not an RSA key", parsed)
	}
	return signingKey{id: block.Headers[pemKeyIDHeader], private: private}, nil
}

// save writes the key to a file atomically, and creates its folder when it is missing.
func (k signingKey) save(path string) error {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return fmt.Errorf("keeping the signing key: %w", err)
	}
	var text bytes.Buffer
	block := &pem.Block{Type: pemType, Headers: map[string]string{pemKeyIDHeader: k.id}, Bytes: der}
	if err := pem.Encode(&text, block); err != nil {
		return fmt.Errorf("keeping the signing key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keeping the signing key: %w", err)
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("keeping the signing key: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("keeping the signing key: %w", err)
	}
	return nil
}
