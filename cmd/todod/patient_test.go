package main

import (
	"context"
	"strings"
	"time"

	"connectrpc.com/connect"
)

// patiently is an option for clients that call again when the database had no
// connection free in time, as Retry-After tells clients to. On a busy machine
// that happens, and it is not what their tests are about. Such a call has had no
// effect.
func patiently() connect.ClientOption {
	return connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			for until := time.Now().Add(patience); ; {
				res, err := next(ctx, req)
				busy := connect.CodeOf(err) == connect.CodeUnavailable && strings.Contains(err.Error(), "the database is unavailable")
				if !busy || time.Now().After(until) {
					return res, err
				}
			}
		}
	}))
}
