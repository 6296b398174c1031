//go:build linux

package stack

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// HAProxy is HAProxy as a child process. Its folder has the maps of deploy/haproxy/cells.cfg:
// each of two cells has half of the slots, and no user is pinned.
type HAProxy struct {
	*Process
	*Logs                // Of all runs.
	Address     string   // Host and port.
	URL         string   // Without a path.
	Folder      string   // Has haproxy.cfg, the maps and the sockets.
	Environment []string // The variables that it runs with.

	account   *syscall.Credential
	arguments []string
	socket    string // Takes commands.
	toWorker  string // What a command for the worker begins with.
}

// HAProxyConfig is what HAProxy runs with.
type HAProxyConfig struct {
	Text      string            // Of haproxy.cfg.
	Variables map[string]string // That the text presets, but for BIND, HTTPS_BIND, MAPS and ONCE_SOCKET.
	Master    bool              // As master and worker, for reloads and cells.sh: the process is the master.
	Canaries  *Canaries         // Looks for secrets in its log; nil for nobody.
}

// StartHAProxy runs HAProxy until the test ends, and returns it when it listens.
func StartHAProxy(t *testing.T, c HAProxyConfig) *HAProxy {
	t.Helper()
	account := Unprivileged(t)
	h := &HAProxy{Logs: &Logs{Canaries: c.Canaries}, Address: FreeAddress(t), Folder: FolderFor(t, account), account: account}
	h.URL, h.socket = "http://"+h.Address, filepath.Join(h.Folder, "master.sock")
	h.arguments = []string{"-db", "-f", filepath.Join(h.Folder, "haproxy.cfg")}
	if c.Master {
		h.arguments, h.toWorker = append(h.arguments, "-W", "-S", h.socket+",mode,600"), "@1 "
	} else {
		c.Text += "\nglobal\n\tstats socket " + h.socket + " mode 600 level admin\n"
	}
	for name, text := range map[string]string{"haproxy.cfg": c.Text, "users.map": "", "slots.map": "0:2047 cell1\n2048:4095 cell2\n"} {
		if err := os.WriteFile(filepath.Join(h.Folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// deploy/proxy has HTTPS_BIND where deploy/haproxy has BIND.
	h.Environment = []string{"BIND=" + h.Address, "HTTPS_BIND=" + h.Address, "MAPS=" + h.Folder, "ONCE_SOCKET=" + filepath.Join(h.Folder, "once.sock")}
	for name, value := range c.Variables {
		h.Environment = append(h.Environment, name+"="+value)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(h.events())
		}
	})
	h.Start(t)
	return h
}

// CellBlocks returns the lines of deploy/haproxy/cells.cfg for a cell whose processes are at
// these addresses.
func CellBlocks(cell string, addresses ...string) string {
	var calls, writes strings.Builder
	fmt.Fprintf(&calls, "\nbackend %s\n", cell)
	fmt.Fprintf(&writes, "\nbackend writes_%s\n\thttp-reuse always\n", cell)
	writes.WriteString("\toption abortonclose # A write whose caller has left is not begun.\n\tdefault-server no-check\n")
	for i, address := range addresses {
		fmt.Fprintf(&calls, "\tserver %c %s proto h2 check-proto h1\n", 'a'+i, address)
		fmt.Fprintf(&writes, "\tserver %c %s track %s/%c\n", 'a'+i, address, cell, 'a'+i)
	}
	return calls.String() + writes.String()
}

// Start starts HAProxy and waits until it listens. [StartHAProxy] has done so: this is for
// another run, after a Kill.
func (h *HAProxy) Start(t *testing.T) {
	t.Helper()
	h.Process = Start(t, h.account, h.Environment, h.Logs, NeedProgram(t, "haproxy", "haproxy"), h.arguments...)
	h.eventually(t, "HAProxy listens", func() bool {
		conn, err := net.Dial("tcp", h.Address)
		if err == nil {
			_ = conn.Close() // It was only tried.
		}
		return err == nil
	})
}

// Append adds lines to haproxy.cfg, which HAProxy reads at its next start or reload.
func (h *HAProxy) Append(t *testing.T, lines string) {
	t.Helper()
	path := filepath.Join(h.Folder, "haproxy.cfg")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(text, lines...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits as [Eventually] does. It fails as soon as HAProxy has ended.
func (h *HAProxy) eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	Eventually(t, what, func() bool {
		t.Helper()
		if h.Ended() {
			t.Fatal("HAProxy has ended: ", h.Text(0))
		}
		return so()
	})
}

// events are the lines that HAProxy logs about itself, without those about requests.
func (h *HAProxy) events() string {
	var events strings.Builder
	for line := range strings.Lines(h.Text(0)) {
		if strings.HasPrefix(line, "[") {
			events.WriteString(line)
		}
	}
	return events.String()
}

// Command sends a command of HAProxy's management guide and returns the answer. It is empty
// while nobody listens, as at a start and during a reload. A master passes a command on to a
// worker if it begins with "@1 " or "@!PID ".
func (h *HAProxy) Command(text string) string {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: h.socket, Net: "unix"})
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(Patience)) // It works on any connection.
	_, _ = io.WriteString(conn, text+"\n")
	_ = conn.CloseWrite() // HAProxy answers then, and closes.
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

// HAProxyServer is a server of a backend, as "show stat" describes it.
type HAProxyServer struct {
	Name     string
	Sessions int    // Calls that are under way.
	Status   string // UP, DOWN, or UP 1/2 between them: before its first check, or after one that failed.
}

// Servers returns the servers of a backend: none while HAProxy doesn't know it.
func (h *HAProxy) Servers(backend string) (servers []HAProxyServer) {
	for line := range strings.Lines(h.Command(h.toWorker + "show stat " + backend + " 4 -1")) { // 4 is servers, -1 all.
		if fields := strings.Split(line, ","); len(fields) > 17 && fields[0] == backend {
			sessions, _ := strconv.Atoi(fields[4]) // It is always a number.
			servers = append(servers, HAProxyServer{Name: fields[1], Sessions: sessions, Status: fields[17]})
		}
	}
	return servers
}

// AwaitServers waits until HAProxy has found so many servers of a backend ready, and the
// others not. One that it has not checked yet is neither.
func (h *HAProxy) AwaitServers(t *testing.T, backend string, ready int) {
	t.Helper()
	h.eventually(t, "HAProxy finds the servers of "+backend+" as they are", func() bool {
		servers := h.Servers(backend)
		count := make(map[string]int)
		for _, s := range servers {
			count[s.Status]++
		}
		return len(servers) > 0 && count["UP"] == ready && count["DOWN"] == len(servers)-ready
	})
}
