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

// withRequestID gives each request an ID and returns it in the response, so that
// a caller's report can be found in the log. A valid ID of the caller is kept.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !isValidRequestID(id) {
			id = rand.Text()
		}
		stateOf(r.Context()).id = id
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r)
	})
}

func isValidRequestID(id string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return id != "" && len(id) <= maxRequestIDLength && strings.Trim(id, allowed) == ""
}
