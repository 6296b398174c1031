package server

import (
	"context"
	"net"
	"time"
)

// A peer that has vanished is noticed within a minute, by pings on HTTP/2 and by
// TCP on HTTP/1.1, however long idle connections are kept.
const (
	probeAfter       = 30 * time.Second // Of silence.
	http2PingTimeout = 15 * time.Second
	probeInterval    = 10 * time.Second
	probes           = 3
)

// Listen binds a TCP address, for [Server.Serve].
func Listen(ctx context.Context, address string) (net.Listener, error) {
	config := net.ListenConfig{
		Control: setUserTimeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     probeAfter,
			Interval: probeInterval,
			Count:    probes,
		},
	}
	config.SetMultipathTCP(false) // It lacks the option that setUserTimeout sets.
	return config.Listen(ctx, "tcp", address)
}
