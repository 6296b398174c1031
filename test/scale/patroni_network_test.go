//go:build scale && linux

package scale

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"example.com/todo-backend/test/stack"
)

// network is machines that are connected by a router. Each of them, and the router, is a
// namespace of its own: of the network, and of processes, so a machine is gone with all that
// runs on it when its first process is. The namespaces have no names: they end with the
// test, however that ends, and take with them the one interface and route that they add to
// the host's.
type network struct {
	router *machine
	prefix string // The first three numbers of all addresses.
}

// machine is a machine of a network.
type machine struct {
	first   int // Its first process, by the host's count.
	link    string
	address string
}

// newNetwork makes a network that this process can reach.
func newNetwork(t *testing.T) *network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("needs root: network namespaces are made and connected")
	}
	n := &network{router: newMachine(t)}
	n.router.run(t, "sh", "-c", "ip link set lo up && echo 1 >/proc/sys/net/ipv4/ip_forward")
	// Of the addresses for tests between networks (RFC 2544). The interface's name says
	// which are taken, also by other runs on this host.
	const most = 250
	for i := range most {
		name := fmt.Sprint("todoscale", i)
		if output, code := stack.Run(t, nil, nil, ipPath(t), "link", "add", name, "type", "veth", "peer", "name", "host", "netns", fmt.Sprint(n.router.first)); code == 0 {
			n.prefix = fmt.Sprintf("198.18.%d", i)
			n.router.link = name
			break
		} else if !strings.Contains(output, "exists") {
			t.Fatal("ip link add: ", output)
		}
	}
	if n.prefix == "" {
		t.Fatalf("all of %d networks are there", most)
	}
	n.router.run(t, "sh", "-c", "ip address add "+n.prefix+".1/30 dev host && ip link set host up")
	for _, args := range []string{"address add " + n.prefix + ".2/30 dev " + n.router.link, "link set " + n.router.link + " up", "route add " + n.prefix + ".0/24 via " + n.prefix + ".1"} {
		if output, code := stack.Run(t, nil, nil, ipPath(t), strings.Fields(args)...); code != 0 {
			t.Fatal("ip ", args, ": ", output)
		}
	}
	return n
}

// add makes a machine and connects it. Numbers begin with 1.
func (n *network) add(t *testing.T, number int) *machine {
	t.Helper()
	m := newMachine(t)
	m.link = fmt.Sprint("link", number)
	gateway := fmt.Sprintf("%s.%d", n.prefix, 4*number+1)
	m.address = fmt.Sprintf("%s.%d", n.prefix, 4*number+2)
	n.router.run(t, "sh", "-c", fmt.Sprintf("ip link add %[1]s type veth peer name eth0 netns %[2]d && ip address add %[3]s/30 dev %[1]s && ip link set %[1]s up",
		m.link, m.first, gateway))
	m.run(t, "sh", "-c", fmt.Sprintf("ip link set lo up && ip address add %s/30 dev eth0 && ip link set eth0 up && ip route add default via %s", m.address, gateway))
	return m
}

// cut has the router drop, without a word, what one machine sends to another and back. An
// empty address is every one.
func (n *network) cut(t *testing.T, one, other string) (heal func()) {
	t.Helper()
	all := func(address string) string {
		if address == "" {
			return "0.0.0.0/0"
		}
		return address
	}
	rules := []string{
		fmt.Sprintf("from %s to %s blackhole", all(one), all(other)),
		fmt.Sprintf("from %s to %s blackhole", all(other), all(one)),
	}
	for _, rule := range rules {
		n.router.run(t, "sh", "-c", "ip rule add "+rule)
	}
	return func() {
		for _, rule := range rules {
			n.router.run(t, "sh", "-c", "ip rule delete "+rule)
		}
	}
}

// newMachine makes a machine that is connected with nothing.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := new(machine)
	t.Cleanup(func() { // Once it was killed, below.
		stack.Eventually(t, "a machine is gone", func() bool {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.first))
			return m.first == 0 || err != nil || strings.Contains(string(status), ") Z ") // Nobody may have taken note of its end.
		})
	})
	// The first process is a shell because that takes the place of parents that have died.
	p := stack.Start(t, nil, nil, os.Stderr, stack.NeedProgram(t, "unshare", "util-linux"),
		"--net", "--pid", "--fork", "--mount-proc", "--kill-child=KILL", "bash", "-c", "while :; do sleep 1; done")
	stack.Eventually(t, "a machine is there", func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", p.ID()))
		if err != nil {
			t.Fatal(err)
		}
		m.first, _ = strconv.Atoi(strings.TrimSpace(string(children))) // 0 until it is there.
		// It is ready once it sees its own processes alone.
		shell, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", m.first))
		return err == nil && strings.TrimSpace(string(shell)) == "bash"
	})
	return m
}

// enter returns a command that runs a program on the machine.
func (m *machine) enter(t *testing.T, program ...string) (path string, args []string) {
	t.Helper()
	return stack.NeedProgram(t, "nsenter", "util-linux"), append([]string{"--target", fmt.Sprint(m.first), "--net", "--pid", "--mount", "--wd=/", "--"}, program...)
}

// run runs a program in the machine's network, which must succeed.
func (m *machine) run(t *testing.T, program ...string) {
	t.Helper()
	args := append([]string{"--target", fmt.Sprint(m.first), "--net", "--"}, program...)
	if output, code := stack.Run(t, nil, nil, stack.NeedProgram(t, "nsenter", "util-linux"), args...); code != 0 {
		t.Fatalf("%v: exit code %d, %s", program, code, output)
	}
}

// processes returns those on the machine with one of some names, by the host's count.
func (m *machine) processes(t *testing.T, names ...string) (ids []int) {
	t.Helper()
	home, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", m.first))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		id, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if is, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", id)); err != nil || is != home {
			continue // It is another's, or has ended.
		}
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", id))
		for _, wanted := range names {
			if err == nil && strings.TrimSpace(string(name)) == wanted {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// ipPath returns the path of the program ip.
func ipPath(t *testing.T) string {
	t.Helper()
	return stack.NeedProgram(t, "ip", "iproute2")
}
