//go:build linux

package faults

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"golang.org/x/net/http2"
)

// TestPeersThatVanish has peers that say something and then nothing, not even in
// answer to a ping.
func TestPeersThatVanish(t *testing.T) {
	longOnly(t)
	for _, peer := range []struct{ name, say string }{
		{"in a body", "POST /api/todos HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"},
		{"on HTTP/2", http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"},
	} {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			r := newRow(t, "a peer that vanishes "+peer.name)
			s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), nil)
			ends := vanish(t, s.Address, peer.say)
			began := time.Now()
			select {
			case <-ends:
			case <-time.After(3 * time.Minute):
			}
			r.Did("said something, then nothing, in answer to nothing")
			report.AtMost(r, "closed within", time.Since(began), time.Minute)
		})
	}
	for _, peer := range []struct {
		name string
		deaf func(t *testing.T, conn *net.TCPConn)
	}{
		{"idle on HTTP/1.1", func(t *testing.T, conn *net.TCPConn) {
			t.Helper()
			askLive(t, conn)
			if _, err := conn.Read(make([]byte, 4096)); err != nil {
				t.Fatal(err)
			}
			deafen(t, conn)
		}},
		// While an answer is on its way, TCP sends no probes.
		{"before its answer", func(t *testing.T, conn *net.TCPConn) {
			t.Helper()
			deafen(t, conn)
			askLive(t, conn)
		}},
	} {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			r := newRow(t, "a peer that vanishes "+peer.name)
			s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), nil)
			conn, err := net.Dial("tcp", s.Address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() }) // Whatever it says, it is gone.
			tcp, ok := conn.(*net.TCPConn)
			if !ok {
				t.Fatalf("a %T", conn)
			}
			peer.deaf(t, tcp)
			began := time.Now()
			for isConnected(t, s.Address, conn) && time.Since(began) < 3*time.Minute {
				time.Sleep(time.Second) // Between two looks.
			}
			r.Did("its host no longer answers; idle connections are kept for ten minutes")
			report.AtMost(r, "closed within", time.Since(began), 75*time.Second)
		})
	}
}

// askLive sends a request, and reads no answer.
func askLive(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}

// deafen has the kernel drop all that comes for a connection, which then looks
// as if its host had gone.
func deafen(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		nothing := []syscall.SockFilter{{Code: syscall.BPF_RET | syscall.BPF_K}}
		failed = syscall.AttachLsf(int(fd), nothing) //nolint:staticcheck // What takes its place is another dependency.
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// isConnected reports whether the server at the address still has the other end
// of a connection.
func isConnected(t *testing.T, address string, conn net.Conn) bool {
	t.Helper()
	const established = "01"
	connections, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	local, remote := portInHex(t, address), portInHex(t, conn.LocalAddr().String())
	for line := range strings.Lines(string(connections)) {
		fields := strings.Fields(line)
		if len(fields) > 3 && strings.HasSuffix(fields[1], local) && strings.HasSuffix(fields[2], remote) && fields[3] == established {
			return true
		}
	}
	return false
}

// portInHex returns the port of an address as /proc/net/tcp has it.
func portInHex(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(":%04X", number)
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
