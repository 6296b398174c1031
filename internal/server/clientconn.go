package server

import (
	"context"
	"net"
	"sync/atomic"
)

// clientConn is what the requests on one connection share.
type clientConn struct {
	unread    int64        // Unread responses; unreadResponses.mu guards it.
	anonymous atomic.Int64 // Open streams without a token.
}

type clientConnKey struct{}

// connContext gives each connection its clientConn. It is an
// [http.Server.ConnContext].
func connContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, clientConnKey{}, new(clientConn))
}

// clientConnOf returns the clientConn of a request. Where no connContext ran, as
// in tests of a handler alone, each call returns a new one.
func clientConnOf(ctx context.Context) *clientConn {
	if c, ok := ctx.Value(clientConnKey{}).(*clientConn); ok {
		return c
	}
	return new(clientConn)
}
