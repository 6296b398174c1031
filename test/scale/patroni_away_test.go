//go:build scale && linux

package scale

import (
	"bytes"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// TestPatroniStandbyAway keeps a standby away until the primary doesn't have the WAL any more
// that it lacks, and copies it anew. The commands are those of docs/operations.md.
func TestPatroniStandbyAway(t *testing.T) {
	r := newRow(t, "Patroni: a standby away for too long")
	commands := documented(t, "### Patroni")
	if len(commands) != 2 {
		t.Fatalf("docs/operations.md has %d blocks of commands for Patroni", len(commands))
	}
	c := startCluster(t)
	primary := c.awaitWhole(t, "the cluster is complete")
	standby := c.nodes[(slices.Index(c.nodes, primary)+1)%nodes]
	list := c.patronictl(t, "patronictl -c /etc/patroni/config.yml list")
	for _, role := range []string{"Leader", "Sync Standby", "Replica"} { // As deploy/README.md says.
		if strings.Count(list, "| "+role+" ") != 1 {
			t.Errorf("not one %s: %s", role, list)
		}
	}
	const kept, keptHere, unasked = "16GB", "32MB", " --force"
	if !strings.Contains(commands[0], "wal_keep_size="+kept) {
		t.Fatalf("%q keeps another size than %s", commands[0], kept)
	}
	c.patronictl(t, strings.ReplaceAll(commands[0], kept, keptHere+unasked))
	admin := stack.Session(t, c.admin)
	c.await(t, "the primary keeps less WAL", func() bool { return stack.Ask[string](t, admin, "SHOW wal_keep_size") == keptHere })

	standby.signal(t, syscall.SIGKILL, "patroni", "postgres")
	lacks := stack.Ask[string](t, admin, "SELECT pg_walfile_name(pg_current_wal_lsn())")
	segments := 0
	c.await(t, "the primary has removed what the standby lacks", func() bool {
		for _, statement := range []string{"SELECT pg_logical_emit_message(false, 'away', '')", "SELECT pg_switch_wal()", "CHECKPOINT"} {
			stack.Execute(t, admin, statement)
		}
		segments++
		return stack.Ask[string](t, admin, "SELECT min(name) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'") > lacks
	})
	mark := standby.logs.Mark()
	standby.startPatroni(t)
	c.await(t, "the standby asks for what it lacks", func() bool {
		return strings.Contains(standby.logs.Text(mark), "has already been removed")
	})
	r.Did("kept a standby away for %d segments of WAL, and copied it anew by the commands of docs/operations.md", segments)
	c.await(t, "Patroni calls it running all the same", func() bool {
		return slices.ContainsFunc(c.members(t, primary), func(m member) bool { return m.Name == standby.name && m.State == "running" })
	})
	r.Note("standbys that stream meanwhile", c.streaming(t, primary))
	c.patronictl(t, strings.ReplaceAll(commands[1], "db2", standby.name+unasked))
	report.Same(r, "the primary afterwards", c.awaitWhole(t, "the standby has been copied").name, primary.name)
}

// patronictl runs a command of the documentation as an operator does: without what Patroni has
// in its environment. It returns what it prints.
func (c *cluster) patronictl(t *testing.T, command string) string {
	t.Helper()
	var output bytes.Buffer
	if err := shell(t, t.TempDir(), strings.ReplaceAll(command, "/etc/patroni/config.yml", c.nodes[0].config), &output); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, output.String())
	}
	return output.String()
}
