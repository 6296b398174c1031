//go:build scale && linux

package scale

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/stack"
)

const (
	slots = 4096
	// startedCells are those that deploy/haproxy/cells.cfg has.
	startedCells = 2
)

// slotOf returns the slot of a user, as docs/operations.md defines it.
func slotOf(user string) int { return int(crc32.ChecksumIEEE([]byte(user)) % slots) }

// cell is a database with two processes.
type cell struct {
	name      string
	database  string // Its URL.
	addresses []string
	processes []*stack.Todod
	logs      []*stack.Logs // Of all processes that it has had.
}

// startCell starts a database and its processes.
func startCell(t *testing.T, issuer *stack.Issuer, name string) *cell {
	t.Helper()
	c := &cell{name: name, database: pgtest.StartServer(t, nil).URL()}
	for range 2 {
		c.addresses = append(c.addresses, stack.FreeAddress(t))
	}
	c.startProcesses(t, issuer)
	return c
}

// startProcesses starts the processes, where they were before.
func (c *cell) startProcesses(t *testing.T, issuer *stack.Issuer) {
	t.Helper()
	c.processes = nil
	for _, address := range c.addresses {
		p := startTodod(t, issuer, c.database, map[string]string{"LISTEN_ADDR": address})
		c.processes, c.logs = append(c.processes, p), append(c.logs, p.Logs)
	}
}

// users returns the users whose todos are in the cell.
func (c *cell) users(t *testing.T) map[string]bool {
	t.Helper()
	found := stack.Ask[[]string](t, stack.Session(t, c.database), `
		SELECT COALESCE(array_agg(user_id), '{}')
		FROM   (SELECT user_id FROM todo UNION SELECT user_id FROM todo_account WHERE sealed < 2) AS known`)
	users := make(map[string]bool)
	for _, user := range found {
		users[user] = true
	}
	return users
}

// cellBalancer is HAProxy with deploy/haproxy/cells.cfg, in a folder like /etc/haproxy.
type cellBalancer struct {
	*stack.Process
	logs   *stack.Logs
	folder string
	url    string
	start  func()
	// What the file presets.
	environment []string
}

// maps is the folder with the maps, by which cells.sh knows the balancer.
func (b *cellBalancer) maps() string { return filepath.Join(b.folder, "cells") }

// startCellBalancer sets HAProxy up as docs/operations.md says, and starts it.
func startCellBalancer(t *testing.T, slotMap string, cells []*cell) *cellBalancer {
	t.Helper()
	account := stack.Unprivileged(t)
	address := stack.FreeAddress(t)
	b := &cellBalancer{logs: newLogs(), folder: stack.FolderFor(t, account), url: "http://" + address}
	config, err := os.ReadFile(stack.Repository(t, "deploy", "haproxy", "cells.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(b.maps(), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{"haproxy.cfg": string(config), "cells/users.map": "", "cells/slots.map": slotMap} {
		if err := os.WriteFile(filepath.Join(b.folder, path), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if account != nil { // The master's socket is made there.
		if err := os.Chown(b.maps(), int(account.Uid), int(account.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	b.environment = []string{"BIND=" + address, "MAPS=" + b.maps(), "ONCE_SOCKET=" + filepath.Join(b.maps(), "once.sock")}
	for _, c := range cells {
		for i, address := range c.addresses {
			b.environment = append(b.environment, fmt.Sprintf("%s_%c=%s", strings.ToUpper(c.name), 'A'+i, address))
		}
	}
	b.start = func() {
		b.Process = stack.Start(t, account, b.environment, b.logs, stack.NeedProgram(t, "haproxy", "haproxy"),
			"-W", "-db", "-S", b.socket()+",mode,600", "-f", filepath.Join(b.folder, "haproxy.cfg"))
	}
	b.start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(b.events())
		}
	})
	return b
}

// events are what HAProxy says of itself.
func (b *cellBalancer) events() string {
	var events strings.Builder
	for line := range strings.Lines(b.logs.Text(0)) {
		if strings.HasPrefix(line, "[") {
			events.WriteString(line)
		}
	}
	return events.String()
}

// socket is the master's.
func (b *cellBalancer) socket() string { return filepath.Join(b.maps(), "master.sock") }

// awaitCell waits until HAProxy has found so many processes of a cell ready.
func (b *cellBalancer) awaitCell(t *testing.T, name string, ready int) {
	t.Helper()
	stack.Eventually(t, "HAProxy finds the processes of "+name+" as they are", func() bool {
		if b.Ended() {
			t.Fatal("HAProxy has ended: ", b.logs.Text(0))
		}
		up, known := 0, false
		for line := range strings.Lines(stack.AskHAProxy(b.socket(), "@1 show servers state "+name)) {
			// The name of the backend and the server, and its operational state: 2 is running.
			if fields := strings.Fields(line); len(fields) > 5 && fields[1] == name {
				known = true
				if fields[5] == "2" {
					up++
				}
			}
		}
		return known && up == ready
	})
}

// documented returns the commands of a section of docs/operations.md, block by block.
func documented(t *testing.T, heading string) (blocks []string) {
	t.Helper()
	content, err := os.ReadFile(stack.Repository(t, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(content), "\n"+heading+"\n")
	if !found {
		t.Fatalf("docs/operations.md has no %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n#")
	inBlock := false
	for line := range strings.Lines(section) {
		text, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented && !inBlock:
			blocks = append(blocks, text)
		case indented:
			blocks[len(blocks)-1] += text
		}
		inBlock = indented
	}
	return blocks
}

// shell runs commands of the documentation in a folder, with todod and cells.sh at hand. Both
// outputs go to output. It returns how they ended.
func shell(t *testing.T, dir, commands string, output io.Writer, environment ...string) error {
	t.Helper()
	stack.NeedProgram(t, "socat", "socat")
	path := strings.Join([]string{stack.Repository(t, "deploy", "haproxy"), filepath.Dir(stack.ProgramPath(t, *program)), os.Getenv("PATH"), "/usr/sbin"}, ":")
	script := fmt.Sprintf("PATH=%s\ncd %s\n%s", path, dir, commands)
	p := stack.Start(t, nil, environment, output, "/bin/sh", "-eu", "-c", script)
	select {
	case <-p.Done():
	case <-time.After(10 * stack.Patience):
		p.Kill(t)
	}
	return p.Wait()
}
