//go:build linux

package deploy

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	system "example.com/todo-backend/test/stack" // A stack is compose.yaml's, here.
)

// balancer is HAProxy with a file of deploy/haproxy, as master and worker.
type balancer struct {
	*process
	address string
	folder  string // With the maps and the master's socket.
}

func (b *balancer) url() string { return "http://" + b.address }

// startBalancer runs HAProxy with a file of deploy/haproxy until the test ends. The slots of
// cells are halves: one of cell1 and one of cell2.
func startBalancer(t *testing.T, file string, environment map[string]string) *balancer {
	t.Helper()
	return startBalancerIn(t, newFolderOfMaps(t), file, environment)
}

// newFolderOfMaps makes what a balancer of two cells has.
func newFolderOfMaps(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "todo-maps-") //nolint:usetesting // The path of a socket has at most 107 characters.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	write(t, filepath.Join(folder, "users.map"), "")
	write(t, filepath.Join(folder, "slots.map"), "0:2047 cell1\n2048:4095 cell2\n")
	return folder
}

func startBalancerIn(t *testing.T, folder, file string, environment map[string]string) *balancer {
	t.Helper()
	b := &balancer{address: freeAddress(t), folder: folder}
	all := map[string]string{"BIND": b.address, "MAPS": folder, "ONCE_SOCKET": filepath.Join(folder, "once.sock")}
	maps.Copy(all, environment)
	b.process = start(t, all, needProgram(t, "haproxy", "haproxy"), "-W", "-db", "-S", b.socket()+",mode,600", "-f", file)
	eventually(t, "HAProxy listens: "+b.output.String(), func() bool {
		select {
		case <-b.Done():
			t.Fatalf("HAProxy has ended: %s", b.output)
		default:
		}
		conn, err := net.Dial("tcp", b.address)
		if err == nil {
			_ = conn.Close() // It was only tried.
		}
		return err == nil
	})
	return b
}

func (b *balancer) socket() string { return filepath.Join(b.folder, "master.sock") }

// ask sends one command to HAProxy's master.
func (b *balancer) ask(command string) string { return system.AskHAProxy(b.socket(), command) }

// up waits until HAProxy has found a number of processes ready.
func (b *balancer) up(t *testing.T, ready int) {
	t.Helper()
	eventually(t, "HAProxy finds them ready", func() bool {
		found := 0
		for line := range strings.Lines(b.ask("@1 show stat -1 4 -1")) {
			// proxy,server,...,status: "UP 1/2" after one failed check. Some backends only track
			// the servers of others.
			fields := strings.Split(line, ",")
			if len(fields) > 17 && fields[0] != "any" && !strings.HasPrefix(fields[0], "writes") && strings.HasPrefix(fields[17], "UP") {
				found++
			}
		}
		return found == ready
	})
}
