package server

import (
	"context"
	"fmt"
	"net/http"

	"connectrpc.com/connect"
)

// User is who makes a call. It is a map's key, so it has to be comparable. Its
// text names the user in the log.
type User fmt.Stringer

// Authenticator says who makes a call.
type Authenticator interface {
	// Authenticate returns the user whose call has these headers. The caller is
	// told of its errors as of any other.
	Authenticate(ctx context.Context, header http.Header) (User, error)
}

// UserOf returns the user whose call a context belongs to, nil where none was
// authenticated.
func UserOf(ctx context.Context) User { return stateOf(ctx).user }

// authInterceptor lets a call pass whose user can be told, and puts them into
// the call's exchange. It is a request gate: it intercepts unary calls and
// streams alike, before their body is read, so that a stranger costs no more
// than their headers. The same goes for a user who is above their rate: they are
// counted as soon as they are known.
type authInterceptor struct {
	authenticator Authenticator
	limiter       *limiter
	errors        *errorRenderer
}

// intercept is a [connect.RequestGateFunc].
func (a *authInterceptor) intercept(
	ctx context.Context, spec connect.Spec, peer connect.Peer, header http.Header,
) (context.Context, error) {
	state := stateOf(ctx)
	state.procedure = spec.Procedure
	user, err := a.authenticator.Authenticate(ctx, header)
	if err != nil {
		return nil, a.errors.render(ctx, peer.Protocol, err)
	}
	state.user = user
	if err := a.limiter.allow(user); err != nil {
		return nil, a.errors.render(ctx, peer.Protocol, err)
	}
	state.admitted = true
	return ctx, nil
}
