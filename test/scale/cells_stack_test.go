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
	// maxSilence is more than commands take for what they print nothing of. How long all of
	// it takes depends on the machine.
	maxSilence = 10 * stack.Patience
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

// startCellBalancer runs HAProxy with deploy/haproxy/cells.cfg before cells, in a folder that
// is /etc/haproxy and /etc/haproxy/cells in one.
func startCellBalancer(t *testing.T, cells []*cell) *stack.HAProxy {
	t.Helper()
	variables := make(map[string]string)
	for _, c := range cells {
		for i, address := range c.addresses {
			variables[fmt.Sprintf("%s_%c", strings.ToUpper(c.name), 'A'+i)] = address
		}
	}
	b := stack.StartHAProxy(t, stack.HAProxyConfig{Text: patient(t, configuration(t, "cells.cfg"), "check"), Variables: variables, Master: true, Canaries: &lookout})
	if err := os.Symlink(".", filepath.Join(b.Folder, "cells")); err != nil {
		t.Fatal(err)
	}
	return b
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
	heard := make(chan struct{}, 1)
	p := stack.Start(t, nil, environment, listener{output, heard}, "/bin/sh", "-eu", "-c", script)
	for {
		select {
		case <-p.Done():
			return p.Wait()
		case <-heard:
		case <-time.After(maxSilence):
			p.Kill(t)
			return fmt.Errorf("the commands have printed nothing for %v", maxSilence)
		}
	}
}

// listener passes on what is written, and tells of it.
type listener struct {
	io.Writer
	heard chan<- struct{}
}

// Write implements [io.Writer].
func (l listener) Write(p []byte) (int, error) {
	select {
	case l.heard <- struct{}{}:
	default: // It is known already.
	}
	return l.Writer.Write(p)
}
