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
// the user that the token names into the call's exchange. It is a request gate:
// it intercepts unary calls and streams alike, before their body is read, so
// that a stranger costs no more than their headers. The same goes for a user
// who is above their rate: they are counted as soon as they are known.
type authInterceptor struct {
	verifier *auth.Verifier
	limiter  *limiter
	errors   *errorRenderer
}

// intercept is a [connect.RequestGateFunc].
func (a *authInterceptor) intercept(
	ctx context.Context, spec connect.Spec, peer connect.Peer, header http.Header,
) (context.Context, error) {
	x := exchangeOf(ctx)
	x.procedure = spec.Procedure
	token, err := auth.BearerToken(header)
	if err != nil {
		return nil, a.errors.render(ctx, peer.Protocol, err)
	}
	user, err := a.verifier.Verify(ctx, token)
	if err != nil {
		return nil, a.errors.render(ctx, peer.Protocol, err)
	}
	x.user = user
	if err := a.limiter.allow(user); err != nil {
		return nil, a.errors.render(ctx, peer.Protocol, err)
	}
	x.admitted = true
	return ctx, nil
}

// errNoCaller means that a handler was registered without the auth interceptor.
var errNoCaller = errors.New("rpc: no caller in the context")

// caller returns the user whose call a context belongs to.
func caller(ctx context.Context) (todo.UserID, error) {
	user := exchangeOf(ctx).user
	if user == (todo.UserID{}) {
		return todo.UserID{}, errNoCaller
	}
	return user, nil
}
