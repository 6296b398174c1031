//go:build linux

package faults

import (
	"io"
	"net"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"golang.org/x/net/http2"
)

// TestPeersThatVanish has peers that say something and then nothing, not even in
// answer to a ping.
func TestPeersThatVanish(t *testing.T) {
	longOnly(t)
	for _, peer := range []struct {
		name, say string
		bound     time.Duration
	}{
		{"in a body", "POST /api/todos HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{", time.Minute},
		{"on HTTP/2", http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00", time.Minute},
		// It holds nothing but the connection, which load balancers keep for
		// a minute: the service has to keep it for longer than they do.
		{"idle on HTTP/1.1", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 91 * time.Second},
	} {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			r := newRow(t, "a peer that vanishes "+peer.name)
			s := startTodod(t, startIssuer(t), pgtest.NewDatabase(t), nil)
			ends := vanish(t, s.address, peer.say)
			began := time.Now()
			select {
			case <-ends:
			case <-time.After(3 * time.Minute):
			}
			r.did("said something, then nothing, in answer to nothing")
			atMost(r, "closed within", time.Since(began), peer.bound)
		})
	}
}

// vanish connects to a server, says something, and from then on neither reads
// nor writes. It returns what is closed when the server closes the connection.
func vanish(t *testing.T, address, say string) <-chan struct{} {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // Whatever it says, it is gone.
	if _, err := io.WriteString(conn, say); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// The kernel takes what comes, as it does for a process that hangs;
		// nothing of it is answered.
		_, _ = io.Copy(io.Discard, conn)
	}()
	return ended
}
