package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"
)

// requestState is what the middleware, the interceptors and the log share about
// one request. Only the goroutine that serves the request may use it.
type requestState struct {
	id        string
	protocol  string
	procedure string
	user      User            // nil until the caller is authenticated.
	admitted  bool            // The caller is authenticated and within the rate limit.
	deadline  time.Time       // The server's own; zero when there is none.
	stream    *openStream     // nil for a unary call.
	watch     *healthWatch    // Set for Health/Watch.
	traceID   string          // "" while nobody has set one.
	probe     bool            // A health check, which is logged at debug.
	ending    context.Context //nolint:containedctx // The server's; done when streams have to end.
	request   context.Context //nolint:containedctx // The request's, without the server's deadline.
	response  responseWriter

	limiter      *limiter  // Of an admitted call.
	charged      int       // The calls that it counts as.
	pages        *limiter  // Of an admitted stream.
	expires      time.Time // When the caller's credentials expire; zero for never.
	messageBytes int64     // The bound of its procedure's messages; 0 for the usual one.

	// The outcome, for the log.
	code     connect.Code // 0 unless the request failed.
	cause    error
	expected bool // The failure is not the service's, whatever its code.
	ended    streamEnd
	waited   bool // It is a call that waited, which counts as a stream.

	refusedStatus   int  // Of a request that reaches no RPC.
	unauthenticated bool // The caller could not be authenticated.
}

// User is an authenticated caller. Users are compared, and are keys of maps; their
// text names them in the log.
type User fmt.Stringer

type stateKey struct{}

// withState gives each request its state. It is the outermost middleware.
func withState(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := &requestState{}
		state.response = responseWriter{ResponseWriter: w, state: state}
		next.ServeHTTP(&state.response, r.WithContext(context.WithValue(r.Context(), stateKey{}, state)))
	})
}

// stateOf returns the state of the request that a context belongs to. Outside of
// a request it returns one that nobody else has.
func stateOf(ctx context.Context) *requestState {
	if state, ok := ctx.Value(stateKey{}).(*requestState); ok {
		return state
	}
	return &requestState{}
}

// UserOf returns the user whose call a context belongs to, or nil when nobody was
// authenticated.
func UserOf(ctx context.Context) User { return stateOf(ctx).user }

// fail notes the code and the cause of a request's failure. Once a response was not
// read, whatever fails after it is a consequence.
func (s *requestState) fail(code connect.Code, cause error) {
	if errors.Is(s.cause, errUnread) {
		return
	}
	s.code, s.cause = code, cause
}

// userID is how the log names the user, nobody as "".
func (s *requestState) userID() string {
	if s.user == nil {
		return ""
	}
	return s.user.String()
}
