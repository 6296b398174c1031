//go:build linux

package stack

import (
	"io"
	"net"
	"time"
)

// AskHAProxy sends a command to HAProxy's socket, a worker's or the master's (haproxy -W -S),
// and returns the answer. It is empty while nobody listens there, as at a start and during a
// reload.
func AskHAProxy(socket, command string) string {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(Patience)) // It works on any connection.
	_, _ = io.WriteString(conn, command+"\n")
	_ = conn.CloseWrite() // HAProxy answers then, and closes.
	answer, _ := io.ReadAll(conn)
	return string(answer)
}
