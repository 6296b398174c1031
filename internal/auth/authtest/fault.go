package authtest

import (
	"io"
	"net/http"
)

// Fetches returns how often the key set was fetched.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// Answer makes a handler serve the key set's path until [Issuer.Heal].
func (i *Issuer) Answer(fault http.Handler) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fault = fault
}

// Fail makes fetches of the key set get a status without a body.
func (i *Issuer) Fail(status int) {
	i.Answer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
}

// Hang makes fetches of the key set wait until the caller gives up.
func (i *Issuer) Hang() {
	i.Answer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
}

// ServeBody makes fetches get a body instead of the key set.
func (i *Issuer) ServeBody(contentType, body string) {
	i.Answer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		// Fails when the caller stops reading, as it may.
		_, _ = io.WriteString(w, body)
	}))
}

// Heal ends a fault.
func (i *Issuer) Heal() { i.Answer(nil) }
