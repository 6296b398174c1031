package server

import "syscall"

// tcpUserTimeout is TCP_USER_TIMEOUT, in milliseconds (tcp(7)), which package
// syscall lacks.
const tcpUserTimeout = 18

// boundUnanswered bounds how long the connections of a listener wait for a peer
// that acknowledges nothing of what was sent to it: as long as for one that
// answers no probe. While something is unacknowledged TCP sends no probes, and
// gives up after a quarter of an hour only.
func boundUnanswered(_, _ string, listener syscall.RawConn) error {
	const timeout = probeAfter + probes*probeInterval
	return listener.Control(func(fd uintptr) {
		// A sandbox that lacks the option is no reason not to serve.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(timeout.Milliseconds()))
	})
}
