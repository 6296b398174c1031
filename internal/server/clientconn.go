package server

import (
	"context"
	"net"
	"sync/atomic"
)

// clientConn is what the requests of one connection share.
type clientConn struct {
	unread    int64        // Answers that are unread; unreadAnswers guards it.
	anonymous atomic.Int64 // Streams without a token.
}

type clientConnKey struct{}

// connContext gives each connection the state that its requests share. It is an
// [http.Server.ConnContext].
func connContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, clientConnKey{}, new(clientConn))
}

// clientConnOf returns the state of a request's connection. Where the server
// gives it none, as in tests of a handler alone, each request has its own.
func clientConnOf(ctx context.Context) *clientConn {
	if c, ok := ctx.Value(clientConnKey{}).(*clientConn); ok {
		return c
	}
	return new(clientConn)
}
