package auth_test

import (
	"net/http"
	"testing"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// BenchmarkVerify measures a good token of a known key: what every call pays.
func BenchmarkVerify(b *testing.B) {
	issuer, err := authtest.NewIssuer(authtest.Config{BaseURL: origin, NewKey: takingTurns()})
	if err != nil {
		b.Fatal(err)
	}
	keys := auth.NewKeySet(auth.KeySetConfig{
		URL: issuer.KeySetURL(), Client: &http.Client{Transport: &wire{Handler: issuer}},
	})
	b.Cleanup(keys.Close)
	verifier := auth.NewVerifier(auth.Config{Issuer: origin, Audience: origin, Keys: keys})
	token := issuer.Token("alice")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifier.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
