package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzRequestID sends any X-Request-Id, which is kept when it is sane and
// replaced when it isn't.
func FuzzRequestID(f *testing.F) {
	for _, id := range []string{"a", "A-b_9", "", " ", "a\nb", "\x1b[31m", "é", strings.Repeat("x", 64), strings.Repeat("x", 65), "a,b"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		var during string
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(requestIDHeader, id)
		withRequestID(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			during = w.Header().Get(requestIDHeader)
		})).ServeHTTP(w, r)
		answered := w.Header().Get(requestIDHeader)
		if answered == "" || len(answered) > 64 || answered != during ||
			strings.ContainsFunc(answered, func(c rune) bool {
				return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
			}) {
			t.Errorf("%q was answered as %q", id, answered)
		}
		if isValidRequestID(id) != (answered == id) {
			t.Errorf("%q was answered as %q", id, answered)
		}
	})
}
