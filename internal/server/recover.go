package server

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"

	"connectrpc.com/connect"
)

// panicError is a recovered panic, with its stack for the log.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// withRecover recovers from panics outside of Connect's handlers, such as in the
// request gate or the REST transcoder. Once a response has begun, it can only
// abort it.
func withRecover(refuse refuser, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value == http.ErrAbortHandler { //nolint:errorlint // net/http compares by == too
				panic(value)
			}
			err := &panicError{value: value, stack: debug.Stack()}
			if state := stateOf(r.Context()); state.response.status != 0 {
				state.fail(connect.CodeInternal, err)
				panic(http.ErrAbortHandler)
			}
			refuse.error(w, r, err)
		}()
		next.ServeHTTP(w, r)
	})
}

// recoverCall turns a panic of an RPC into an error. Connect calls it where the
// error can still be sent in the caller's protocol.
func recoverCall(_ context.Context, _ connect.Spec, _ http.Header, value any) error {
	return &panicError{value: value, stack: debug.Stack()}
}
