package server

import (
	"context"
	"log/slog"
	"net/http"

	"connectrpc.com/connect"
)

// exchange is a request and its answer while they are under way: what the
// middleware and the layers within let each other know, and what the log line
// says in the end. It is the request's context, and has in it what the
// middleware wraps the request in, so that all of that is one allocation. One
// goroutine at a time has it; others may use it as the context that it is.
type exchange struct {
	context.Context // withDeadline puts one with a deadline in its place.

	answer answerWriter
	body   boundedBody

	requestID [1]string // As a header's value.
	protocol  string
	procedure string
	user      User         // nil until the auth interceptor knows the caller.
	admitted  bool         // The auth interceptor lets the call pass.
	code      connect.Code // 0 while nothing failed.
	cause     error
	expected  bool // It is no failure of the service.
	probe     bool
	stream    *stream // nil when it is a call.
	watch     *healthWatch
	ended     streamEnd
	logged    [loggedAttrs]slog.Attr
}

type exchangeKey struct{}

// exchangeOf returns the exchange that a context belongs to. Outside of one it
// returns one that nobody reads.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{Context: ctx}
}

// Value is the context's.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// fail notes with which code a request failed, and why.
func (x *exchange) fail(code connect.Code, cause error) {
	x.code, x.cause = code, cause
}

// withExchange makes the exchange of each request.
func withExchange(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{Context: r.Context()}
		x.answer = answerWriter{ResponseWriter: w, exchange: x}
		next.ServeHTTP(&x.answer, r.WithContext(x))
	})
}
