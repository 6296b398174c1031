package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"example.com/todo-backend/internal/auth/authtest"
)

// issuer stands in for Better Auth, on loopback only: it hands out tokens for
// anybody.
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
	return &issuer{Issuer: tokens, server: startServer("the issuer", listener, routes), routes: routes}, nil
}

// registeredClaims leaves out the user's fields, as Better Auth's definePayload
// would: the service needs none of them, and a token to be pasted had better be
// short.
func registeredClaims(claims map[string]any) {
	maps.DeleteFunc(claims, func(name string, _ any) bool {
		return !slices.Contains([]string{"sub", "iss", "aud", "iat", "exp"}, name)
	})
}
