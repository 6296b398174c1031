package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

const (
	maxPort = 1<<16 - 1

	// portAttempts is how many ports are tried, from the wanted one upwards.
	portAttempts = 100
)

// listen listens on a port of 127.0.0.1, or on the next free one. Port 0 is any free
// one.
func listen(ctx context.Context, port int) (net.Listener, error) {
	if port == 0 {
		return listenAt(ctx, port)
	}
	last := min(port+portAttempts-1, maxPort)
	err := errors.New("all are taken")
	for candidate := port; candidate <= last && ctx.Err() == nil; candidate++ {
		if answers(ctx, candidate) {
			continue
		}
		var listener net.Listener
		if listener, err = listenAt(ctx, candidate); err == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("no free port from %d to %d: %w", port, last, err)
}

// freeAddress returns an address for another process to listen on: the port at
// 127.0.0.1, or the next free one. It was free a moment ago.
func freeAddress(ctx context.Context, port int) (*net.TCPAddr, error) {
	listener, err := listen(ctx, port)
	if err != nil {
		return nil, err
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		panic("a TCP listener has no TCP address")
	}
	return address, listener.Close()
}

func listenAt(ctx context.Context, port int) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// answers reports whether somebody listens on the port at an address of localhost. When
// that is ::1, a listener at 127.0.0.1 may still succeed, but clients of localhost might
// reach the other one.
func answers(ctx context.Context, port int) bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("localhost", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// localURL returns the URL of a server on this machine.
func localURL(address net.Addr) string {
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		panic(err) // Not of a TCP listener.
	}
	return "http://localhost:" + port
}
