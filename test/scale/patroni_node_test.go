//go:build scale && linux

package scale

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/test/stack"
)

const (
	// The addresses in the example files, of which the first is a node's own.
	ownAddress  = "10.0.0.11"
	ownName     = "db1"
	otherPrefix = "10.0.0.1" // And the node's number.
)

// node is a machine with etcd, Patroni and PostgreSQL, by the files of deploy/patroni.
type node struct {
	*machine
	name    string
	logs    *stack.Logs // Of Patroni and PostgreSQL.
	etcdLog *stack.Logs

	etcd, patroni []string // Their environments.
	account       []string // The command that runs one as another account.
	config        string
}

// newNode makes a node whose data is in a folder. Nothing runs on it yet.
func newNode(t *testing.T, m *machine, name, folder, bin string, addresses []string) *node {
	t.Helper()
	account := stack.Unprivileged(t)
	n := &node{machine: m, name: name, logs: new(stack.Logs), etcdLog: new(stack.Logs)}
	n.account = []string{stack.NeedProgram(t, "setpriv", "util-linux"), "--reuid", fmt.Sprint(account.Uid), "--regid", fmt.Sprint(account.Gid), "--clear-groups", "--"}
	// Servers of several machines would take its socket for one of their own.
	path, args := m.enter(t, "mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/var/run/postgresql")
	if output, code := stack.Run(t, nil, nil, path, args...); code != 0 {
		t.Fatal("mount: ", output)
	}
	dir := filepath.Join(folder, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(account.Uid), int(account.Gid)); err != nil {
		t.Fatal(err)
	}
	n.etcd = n.environment(t, "etcd.env.example", addresses, map[string]string{"ETCD_DATA_DIR": filepath.Join(dir, "etcd")})
	n.patroni = append(n.environment(t, "patroni.env.example", addresses, map[string]string{
		"PATRONI_POSTGRESQL_DATA_DIR": filepath.Join(dir, "postgresql"),
		"PATRONI_POSTGRESQL_PGPASS":   filepath.Join(dir, "pgpass"),
		"PATRONI_POSTGRESQL_BIN_DIR":  bin,
	}), "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC")
	n.config = filepath.Join(dir, "patroni.yml")
	content, err := os.ReadFile(stack.Repository(t, "deploy", "patroni", "patroni.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.config, []byte(withAddresses(string(content), addresses)), 0o644); err != nil {
		t.Fatal(err)
	}
	return n
}

// environment reads an example file, and puts in the nodes' addresses and what else is
// different here.
func (n *node) environment(t *testing.T, file string, addresses []string, replaced map[string]string) (list []string) {
	t.Helper()
	f, err := os.Open(stack.Repository(t, "deploy", "patroni", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), "=")
		if !found || strings.HasPrefix(name, "#") {
			continue
		}
		if strings.Contains(value, ",") { // It names all nodes.
			value = withAddresses(value, addresses)
		} else {
			value = strings.ReplaceAll(value, ownAddress, n.address)
			value = strings.ReplaceAll(value, ownName, n.name)
		}
		if other, found := replaced[name]; found {
			value = other
		}
		list = append(list, name+"="+value)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// withAddresses puts the nodes' addresses into a text that names all nodes.
func withAddresses(text string, addresses []string) string {
	for i, address := range addresses {
		text = strings.ReplaceAll(text, fmt.Sprint(otherPrefix, i+1), address)
	}
	return text
}

// start starts a program as another account.
func (n *node) start(t *testing.T, environment []string, logs *stack.Logs, program ...string) {
	t.Helper()
	path, args := n.enter(t, append(slices.Clone(n.account), program...)...)
	stack.Start(t, nil, environment, logs, path, args...)
}

func (n *node) startEtcd(t *testing.T) {
	t.Helper()
	n.start(t, n.etcd, n.etcdLog, stack.NeedProgram(t, "etcd", "etcd-server"))
}

func (n *node) startPatroni(t *testing.T) {
	t.Helper()
	n.start(t, n.patroni, n.logs, stack.NeedProgram(t, "patroni", "patroni"), n.config)
}

// signal sends a signal to all processes with one of some names, also to those that begin
// meanwhile.
func (n *node) signal(t *testing.T, signal syscall.Signal, names ...string) {
	t.Helper()
	sent := make(map[int]bool)
	for isNew := true; isNew; {
		isNew = false
		for _, id := range n.processes(t, names...) {
			if !sent[id] {
				sent[id], isNew = true, true
				_ = syscall.Kill(id, signal) // It may have ended.
			}
		}
	}
}

// killPostmaster kills PostgreSQL's first process alone. The others live on for a moment.
func (n *node) killPostmaster(t *testing.T) {
	t.Helper()
	for _, id := range n.processes(t, "postgres") {
		command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", id))
		if err == nil && strings.Contains(string(command), "--config") {
			if err := syscall.Kill(id, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("PostgreSQL doesn't run on ", n.name)
}

// writable matches PostgreSQL's line that it takes writes from now on.
var writable = regexp.MustCompile(`(?m)^(\S+ \S+) UTC \[\d+\] LOG:  database system is ready to accept connections$`)

// promotedSince returns when PostgreSQL began to take writes, from a mark of the log on.
func (n *node) promotedSince(t *testing.T, mark int) (at time.Time, ok bool) {
	t.Helper()
	found := writable.FindStringSubmatch(n.logs.Text(mark))
	if found == nil {
		return time.Time{}, false
	}
	at, err := time.Parse("2006-01-02 15:04:05.000", found[1])
	if err != nil {
		t.Fatal(err)
	}
	return at, true
}
