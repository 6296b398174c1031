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
	known     atomic.Bool  // A call on it had a valid token.
}

// isIdleStranger reports whether the connection serves nobody: it has no stream
// without a token, and no call on it had one. An HTTP/2 connection that is kept
// takes about 60 KiB.
func (c *clientConn) isIdleStranger() bool {
	return c.anonymous.Load() == 0 && !c.known.Load()
}

// noteKnown notes that a call on the connection had a valid token.
func (c *clientConn) noteKnown() {
	if !c.known.Load() { // Most often it is known, and calls at once would wait for each other's write.
		c.known.Store(true)
	}
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
