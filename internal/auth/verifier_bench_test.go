package auth_test

import (
	"net/http"
	"testing"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// BenchmarkVerify measures a good token of a known key: what the first call with
// it pays, and what each further one does.
func BenchmarkVerify(b *testing.B) {
	issuer, err := authtest.NewIssuer(authtest.Config{BaseURL: origin, NewKey: takingTurns()})
	if err != nil {
		b.Fatal(err)
	}
	keys := auth.NewKeySet(auth.KeySetConfig{
		URL: issuer.KeySetURL(), Client: &http.Client{Transport: &wire{Handler: issuer}},
	})
	b.Cleanup(keys.Close)
	token := issuer.Token("alice")
	verify := func(verifier *auth.Verifier) {
		if _, err := verifier.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
	config := auth.Config{Issuer: origin, Audience: origin, Keys: keys}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			verify(auth.NewVerifier(config)) // It remembers nothing.
		}
	})
	b.Run("cached", func(b *testing.B) {
		verifier := auth.NewVerifier(config)
		verify(verifier)
		b.ReportAllocs()
		for b.Loop() {
			verify(verifier)
		}
	})
}
