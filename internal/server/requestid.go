package server

import (
	"crypto/rand"
	"net/http"
	"strings"
)

const (
	requestIDHeader    = "X-Request-Id"
	maxRequestIDLength = 64
)

// withRequestID gives each request an id, the caller's own when it is sane, and
// answers it, so that a caller's report can be found in the log.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !saneRequestID(id) {
			id = rand.Text()
		}
		x := exchangeOf(r.Context())
		x.requestID[0] = id
		w.Header()[requestIDHeader] = x.requestID[:]
		next.ServeHTTP(w, r)
	})
}

func saneRequestID(id string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return id != "" && len(id) <= maxRequestIDLength && strings.Trim(id, allowed) == ""
}
