package rpc

import (
	"context"
	"errors"
	"net/http"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
)

// Authenticator verifies access tokens. An [auth.Verifier] is one.
type Authenticator interface {
	// Verify returns whom a token was issued to. It fails with [auth.ErrRefused],
	// [auth.ErrKeysUnavailable] or the context's error.
	Verify(ctx context.Context, token string) (auth.Identity, error)
}

// bearerAuthenticator authenticates callers by the bearer token in the headers.
type bearerAuthenticator struct{ tokens Authenticator }

var _ server.Authenticator = bearerAuthenticator{}

// Authenticate implements [server.Authenticator].
func (b bearerAuthenticator) Authenticate(ctx context.Context, header http.Header) (server.Caller, error) {
	token, err := auth.BearerToken(header)
	if err != nil {
		return server.Caller{}, err
	}
	verified, err := b.tokens.Verify(ctx, token)
	if err != nil {
		return server.Caller{}, err
	}
	return server.Caller{User: verified.User, Expires: verified.Expires}, nil
}

// errNoCaller means that an RPC was called without authentication, which is a
// defect.
var errNoCaller = errors.New("rpc: no caller in the context")

// caller returns the authenticated user of a call.
func caller(ctx context.Context) (todo.UserID, error) {
	user, ok := server.UserOf(ctx).(todo.UserID)
	if !ok || user == (todo.UserID{}) {
		return todo.UserID{}, errNoCaller
	}
	return user, nil
}
