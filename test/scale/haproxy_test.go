//go:build scale && linux

package scale

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/todo-backend/test/stack"
)

// balancer is HAProxy with a configuration of deploy/haproxy.
type balancer struct {
	*stack.Process
	logs    *stack.Logs
	address string
	url     string
	socket  string // Takes commands.
}

// oneCell returns deploy/haproxy/one-cell.cfg.
func oneCell(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(stack.Repository(t, "deploy", "haproxy", "one-cell.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// startBalancer runs HAProxy with a configuration, until the test ends. Variables are those
// that one-cell.cfg presets; BIND is set.
func startBalancer(t *testing.T, content string, variables map[string]string) *balancer {
	t.Helper()
	account := stack.Unprivileged(t)
	dir := stack.FolderFor(t, account)
	b := &balancer{logs: newLogs(), address: stack.FreeAddress(t), socket: filepath.Join(dir, "commands")}
	b.url = "http://" + b.address
	config, commands := filepath.Join(dir, "haproxy.cfg"), filepath.Join(dir, "commands.cfg")
	for path, text := range map[string]string{
		config:   content,
		commands: "global\n\tstats socket " + b.socket + " level admin\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	environment := []string{"BIND=" + b.address, "ONCE_SOCKET=" + filepath.Join(dir, "once.sock")}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		environment = append(environment, name+"="+variables[name])
	}
	b.Process = stack.Start(t, account, environment, b.logs, stack.NeedProgram(t, "haproxy", "haproxy"), "-db", "-f", commands, "-f", config)
	stack.Eventually(t, "HAProxy listens: "+b.logs.Text(0), func() bool {
		if b.Ended() {
			t.Fatal("HAProxy has ended: ", b.logs.Text(0))
		}
		return listens("tcp", b.address) && listens("unix", b.socket)
	})
	return b
}

// withServers returns a configuration with further copies of the server b, by letter: "one
// line for each process".
func withServers(config string, letters ...string) string {
	var text strings.Builder
	for line := range strings.Lines(config) {
		text.WriteString(line)
		for _, letter := range letters {
			if strings.HasPrefix(line, "\tserver b ") {
				text.WriteString(strings.NewReplacer("server b ", "server "+letter+" ", "_B}", "_"+strings.ToUpper(letter)+"}", "/b", "/"+letter).Replace(line))
			}
		}
	}
	return text.String()
}

// listens reports whether somebody listens at an address.
func listens(network, address string) bool {
	conn, err := net.Dial(network, address)
	if err == nil {
		_ = conn.Close() // It was only tried.
	}
	return err == nil
}

// command has HAProxy run a command of its management guide, and returns what it says.
func (b *balancer) command(text string) string { return stack.AskHAProxy(b.socket, text) }

// awaitServers waits until HAProxy has found all servers of a backend ready.
func (b *balancer) awaitServers(t *testing.T, backend string, servers int) {
	t.Helper()
	stack.Eventually(t, "HAProxy finds all servers ready", func() bool {
		up := 0
		for line := range strings.Lines(b.command("show servers state " + backend)) {
			// See "show servers state" in the management guide: the name of the backend and
			// the server, and its operational state, of which 2 is running.
			if fields := strings.Fields(line); len(fields) > 5 && fields[1] == backend && fields[5] == "2" {
				up++
			}
		}
		return up == servers
	})
}

// sessions returns how many calls HAProxy has under way with a server.
func (b *balancer) sessions(t *testing.T, backend, server string) int {
	t.Helper()
	for line := range strings.Lines(b.command("show stat")) {
		// See "show stat" in the management guide: pxname, svname, qcur, qmax, scur.
		if fields := strings.Split(line, ","); len(fields) > 4 && fields[0] == backend && fields[1] == server {
			n, err := strconv.Atoi(fields[4])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("HAProxy has no server %s/%s", backend, server)
	return 0
}
