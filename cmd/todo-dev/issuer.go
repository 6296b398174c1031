package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"example.com/todo-backend/internal/auth/authtest"
)

// tokenPath is the path at which a shell gets a token.
const tokenPath = "/token"

// ownUser is the made-up user of a token when the request names none.
const ownUser = "alice"

// issuer replaces Better Auth. It gives anybody a token for any user, so it listens on
// loopback only.
type issuer struct {
	*authtest.Issuer
	*server
	routes *http.ServeMux // May get more routes while it serves.
}

// startIssuer serves an issuer on the port, or on the next that is free.
func startIssuer(ctx context.Context, port int, keyFile string) (*issuer, error) {
	listener, err := listen(ctx, port)
	if err != nil {
		return nil, fmt.Errorf("the issuer: %w", err)
	}
	tokens, err := authtest.NewIssuer(authtest.Config{
		BaseURL: localURL(listener.Addr()),
		Life:    tokenLife,
		KeyFile: keyFile,
	})
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	routes := http.NewServeMux()
	routes.Handle("/api/", tokens)
	i := &issuer{Issuer: tokens, routes: routes}
	routes.HandleFunc("GET "+tokenPath, i.serveToken)
	i.server = startServer("the issuer", listener, routes)
	return i, nil
}

// serveToken responds with only a token, for the named user or for ownUser: a shell
// needs no JSON.
func (i *issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	name := cmp.Or(r.FormValue("user"), ownUser)
	if !authtest.ValidUser(name) {
		http.Error(w, "name a user of 1 to 255 characters: "+tokenPath+"?user=bob", http.StatusBadRequest)
		return
	}
	writeToken(w, i.Token(name, registeredClaims))
}

// writeToken writes a token as a line of text.
func writeToken(w http.ResponseWriter, token string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, token+"\n") //nolint:gosec // G705: it is plain text; and the caller may be gone
}

// registeredClaims removes the user's fields, as Better Auth's definePayload would. The
// service needs none of them, and a token to paste should be short.
func registeredClaims(claims map[string]any) {
	maps.DeleteFunc(claims, func(name string, _ any) bool {
		return !slices.Contains([]string{"sub", "iss", "aud", "iat", "exp"}, name)
	})
}
