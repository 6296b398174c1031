package rpc

import (
	"context"
	"errors"
	"net/http"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
)

// Authenticator says whose an access token is. An [auth.Verifier] is one, and
// says which errors come back.
type Authenticator interface {
	Verify(ctx context.Context, token string) (todo.UserID, error)
}

// bearer authenticates calls by the bearer token in their headers.
type bearer struct{ tokens Authenticator }

var _ server.Authenticator = bearer{}

// Authenticate implements [server.Authenticator].
func (b bearer) Authenticate(ctx context.Context, header http.Header) (server.User, error) {
	token, err := auth.BearerToken(header)
	if err != nil {
		return nil, err
	}
	user, err := b.tokens.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	return user, nil
}

// errNoCaller means that a handler was registered without the auth interceptor.
var errNoCaller = errors.New("rpc: no caller in the context")

// caller returns the user whose call a context belongs to.
func caller(ctx context.Context) (todo.UserID, error) {
	user, ok := server.UserOf(ctx).(todo.UserID)
	if !ok || user == (todo.UserID{}) {
		return todo.UserID{}, errNoCaller
	}
	return user, nil
}
