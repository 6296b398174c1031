package server

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"
)

// Authenticator authenticates the callers of services.
type Authenticator interface {
	// Authenticate returns the caller whose credentials are in the headers of a
	// request. Its errors are rendered by the tables, like those of RPCs.
	Authenticate(ctx context.Context, header http.Header) (Caller, error)
}

// Caller is who makes a request.
type Caller struct {
	User User
	// Expires is when the credentials expire; zero for never. A stream ends then, and a
	// long poll is answered.
	Expires time.Time
}

// authInterceptor authenticates the caller of each RPC and applies the rate limit.
// It is a request gate: it runs for unary calls and streams, before the body is
// read. So a call that it rejects costs no more than reading its headers.
type authInterceptor struct {
	authenticator Authenticator
	limiter       *limiter
	pages         *limiter // Of streams; see [WaitForPage].
	errors        *errorRenderer
	messageBytes  map[string]int64 // Of procedures; see [API].
}

// intercept is a [connect.RequestGateFunc].
func (a *authInterceptor) intercept(
	ctx context.Context, spec connect.Spec, peer connect.Peer, header http.Header,
) (context.Context, error) {
	state := stateOf(ctx)
	state.procedure = spec.Procedure
	caller, err := a.authenticator.Authenticate(ctx, header)
	if err != nil {
		state.unauthenticated = true
		return nil, a.errors.render(ctx, peer.Protocol, err)
	}
	state.user = caller.User
	state.response.conn.noteKnown()
	if err := a.limiter.allow(caller.User); err != nil {
		return nil, a.errors.render(ctx, peer.Protocol, err)
	}
	state.admitted, state.charged, state.limiter, state.pages = true, 1, a.limiter, a.pages
	state.expires = caller.Expires
	state.messageBytes = a.messageBytes[spec.Procedure]
	state.expireStream(caller.Expires)
	return ctx, nil
}
