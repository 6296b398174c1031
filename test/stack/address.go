//go:build linux

package stack

import (
	"crypto/rand"
	"math/big"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports below those of outgoing connections, which begin at 32768.
const firstPort, portsToPick = 20000, 12000

// givenPorts are those that FreeAddress has returned. Nobody may listen on them yet.
//
//nolint:gochecknoglobals // All tests of the process share its ports.
var givenPorts sync.Map

// FreeAddress returns an address on loopback whose port nobody listens on, and
// another one each time. It is not one that the system gives to outgoing
// connections, so that a process can come back to it.
func FreeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(portsToPick))
		if err != nil {
			t.Fatal(err)
		}
		port := firstPort + int(n.Int64())
		if _, isGiven := givenPorts.LoadOrStore(port, true); isGiven {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		listener, err := net.Listen("tcp", address)
		if err == nil {
			_ = listener.Close() // It was only tried.
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}
