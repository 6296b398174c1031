package authtest

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxUser bounds the name of a made-up user, in characters. A service can be expected
// to store a user id of this length.
const maxUser = 255

// ServeHTTP serves the key set at [KeySetPath] and, at [TokenPath] with the
// query parameter user, a token for that user: {"token": "..."}.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) { i.routes.ServeHTTP(w, r) }

// jsonWebKey is a key as Better Auth publishes it, with members in this order and
// without use and key_ops.
type jsonWebKey struct {
	Alg string `json:"alg"`
	Kty string `json:"kty"`
	N   string `json:"n"`
	E   string `json:"e"`
	Kid string `json:"kid"`
}

// serveKeySet responds as Better Auth does, without Cache-Control, unless a fault is
// set.
func (i *Issuer) serveKeySet(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.fetches++
	keys, fault := i.keys, i.fault
	i.mu.Unlock()
	if fault != nil {
		fault.ServeHTTP(w, r)
		return
	}
	set := struct {
		Keys []jsonWebKey `json:"keys"`
	}{make([]jsonWebKey, 0, len(keys))}
	for _, key := range keys {
		public := &key.private.PublicKey
		set.Keys = append(set.Keys, jsonWebKey{
			Alg: "RS256",
			Kty: "RSA",
			N:   base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
			E:   base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
			Kid: key.id,
		})
	}
	writeJSON(w, http.StatusOK, set)
}

// serveToken stands in for Better Auth's endpoint, which takes the user from a
// session.
func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("user")
	if !ValidUser(name) {
		writeJSON(w, http.StatusBadRequest, map[string]string{
			"message": "name a user of 1 to 255 characters: " + TokenPath + "?user=alice",
		})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"token": i.Token(name)})
}

// ValidUser reports whether a made-up user can have this name.
func ValidUser(name string) bool {
	return strings.TrimSpace(name) != "" && utf8.RuneCountInString(name) <= maxUser && utf8.ValidString(name)
}

// writeJSON writes a value that encoding/json can always encode.
func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Fails only when the caller is gone.
	_ = json.NewEncoder(w).Encode(value)
}
