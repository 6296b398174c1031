package server

import (
	"context"
	"net"
	"time"
)

// A peer that has vanished is noticed within a minute, however long idle
// connections are kept: by pings on HTTP/2, by TCP on HTTP/1.1.
const (
	probeAfter       = 30 * time.Second // Of silence.
	http2PingTimeout = 15 * time.Second
	probeInterval    = 10 * time.Second
	probes           = 3
)

// Listen binds a TCP address. Connections that it accepts are probed.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	config := net.ListenConfig{
		Control: boundUnanswered,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     probeAfter,
			Interval: probeInterval,
			Count:    probes,
		},
	}
	config.SetMultipathTCP(false) // It lacks the option that bounds what is unanswered.
	return config.Listen(ctx, "tcp", address)
}
