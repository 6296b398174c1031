package server

import "syscall"

// tcpUserTimeout is TCP_USER_TIMEOUT, in milliseconds (tcp(7)), which package
// syscall lacks.
const tcpUserTimeout = 18

// setUserTimeout bounds how long connections wait for a peer to acknowledge data:
// as long as for a peer to answer probes. TCP sends no probes while data is
// unacknowledged, and by itself gives up only after a quarter of an hour.
func setUserTimeout(_, _ string, listener syscall.RawConn) error {
	const timeout = probeAfter + probes*probeInterval
	return listener.Control(func(fd uintptr) {
		// Some sandboxes lack the option; the server works without it.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(timeout.Milliseconds()))
	})
}
