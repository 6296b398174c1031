package server

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"

	"connectrpc.com/connect"
)

// panicError is what became of a panic: a defect, with the stack for the log.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// recoverCall turns a handler's panic into an error, inside Connect, where the
// answer can still be given in the caller's protocol.
func recoverCall(_ context.Context, _ connect.Spec, _ http.Header, value any) error {
	return &panicError{value: value, stack: debug.Stack()}
}

// withRecover answers for a panic anywhere else: in a gate, or in the
// transcoder. After an answer has begun it can only cut the connection.
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
