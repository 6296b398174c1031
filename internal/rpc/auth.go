package rpc

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/todo"
)

// authInterceptor lets a call pass when its access token verifies, and puts
// the user that the token names into the call's context. It is a request gate:
// it intercepts unary calls and streams alike, before their body is read, so
// that a stranger costs no more than their headers.
type authInterceptor struct {
	verifier *auth.Verifier
	errors   *errorRenderer
}

// intercept is a [connect.RequestGateFunc].
func (a *authInterceptor) intercept(
	ctx context.Context, spec connect.Spec, peer connect.Peer, header http.Header,
) (context.Context, error) {
	e := entryOf(ctx)
	e.procedure = spec.Procedure
	token, err := auth.BearerToken(header)
	if err != nil {
		return nil, a.errors.render(ctx, peer.Protocol, err)
	}
	user, err := a.verifier.Verify(ctx, token)
	if err != nil {
		return nil, a.errors.render(ctx, peer.Protocol, err)
	}
	e.user = user
	return context.WithValue(ctx, callerKey{}, user), nil
}

type callerKey struct{}

// errNoCaller means that a handler was registered without the auth interceptor.
var errNoCaller = errors.New("rpc: no caller in the context")

// caller returns the user whose call a context belongs to.
func caller(ctx context.Context) (todo.UserID, error) {
	user, ok := ctx.Value(callerKey{}).(todo.UserID)
	if !ok {
		return todo.UserID{}, errNoCaller
	}
	return user, nil
}
