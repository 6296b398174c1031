package server

import (
	"net"
	"syscall"
	"testing"
)

func TestConnectionsOfPeersThatVanishEndWithinAMinute(t *testing.T) {
	t.Parallel()
	listener, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	conn, ok := server.(*net.TCPConn)
	if !ok {
		t.Fatalf("a %T", server)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	option := func(name string, number int) (value int) {
		if ctrlErr := raw.Control(func(fd uintptr) {
			value, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, number)
		}); ctrlErr != nil || err != nil {
			t.Fatalf("%s: %v %v", name, ctrlErr, err)
		}
		return value
	}
	idle := option("TCP_KEEPIDLE", syscall.TCP_KEEPIDLE)
	interval := option("TCP_KEEPINTVL", syscall.TCP_KEEPINTVL)
	count := option("TCP_KEEPCNT", syscall.TCP_KEEPCNT)
	if total := idle + interval*count; total > 60 {
		t.Errorf("a peer that answers no probe is closed after %d s: %d + %d × %d", total, idle, interval, count)
	}
	if timeout := option("TCP_USER_TIMEOUT", tcpUserTimeout); timeout < 1 || timeout > 60_000 {
		t.Errorf("a peer that acknowledges nothing is closed after %d ms", timeout)
	}
}
