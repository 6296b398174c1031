package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/todo-backend/internal/pglocal"
	"example.com/todo-backend/internal/pglocal/pglocaltest"
)

// freshMachine returns how a command line begins that runs as root on a machine
// without PostgreSQL.
func freshMachine(t *testing.T) []string {
	t.Helper()
	programsDir(t)
	return pglocaltest.FreshMachine(t, programs.postgres)
}

func TestAFreshMachineDownloadsPostgreSQLAndRunsItAsAnotherUser(t *testing.T) {
	t.Parallel()
	machine := freshMachine(t)
	mirror := pglocaltest.Start(t, pglocaltest.Archive(t, programs.postgres))
	d := launchDevOn(t, machine, mirror.URL, newDir(t), "-port", "0", "-issuer-port", "0")
	d.output.wait(t, bannerEnd, d.ended)
	const cache = "/var/cache/todo-backend"
	for _, line := range []string{"Making a database.\n", "Downloading PostgreSQL 17.5.0 from " + mirror.URL + " into " + cache + ", once.\n"} {
		if !strings.Contains(d.output.text(), line) {
			t.Errorf("no line %q in\n%s", line, d.output.text())
		}
	}
	_, postgres := d.children(t)
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", postgres))
	if err != nil || !strings.HasPrefix(program, cache) {
		t.Errorf("PostgreSQL is %s, %v", program, err)
	}
	var process syscall.Stat_t
	if err := syscall.Stat(fmt.Sprintf("/proc/%d", postgres), &process); err != nil || process.Uid == 0 {
		t.Errorf("PostgreSQL runs as user %d, %v", process.Uid, err)
	}
	d.checkCommands(t)
}

func TestAFreshMachineWithoutANetworkIsToldWhatToInstall(t *testing.T) {
	t.Parallel()
	machine := freshMachine(t)
	d := launchDevOn(t, machine, pglocaltest.Nowhere, newDir(t))
	if code := d.wait(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	lines := strings.Split(strings.TrimSpace(d.output.text()), "\n")
	if last := lines[len(lines)-1]; len(lines) != 2 || !strings.HasPrefix(last, "todo-dev: "+pglocaltest.Missing) {
		t.Errorf("it says\n%s", d.output.text())
	}
}

// TestMakeTestIsOverAtOnceWithoutPostgreSQL has it run no test, should it come
// that far.
func TestMakeTestIsOverAtOnceWithoutPostgreSQL(t *testing.T) {
	t.Parallel()
	line := append(freshMachine(t), "make", "--no-print-directory", "test", "TESTFLAGS=-run=^$")
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(append(os.Environ(), withoutMake()...), pglocal.MirrorVariable+"="+pglocaltest.Nowhere)
	text, err := cmd.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); !ok || failed.ExitCode() != 2 {
		t.Errorf("%v, want make's exit code 2", err)
	}
	if n := strings.Count(string(text), pglocaltest.Missing); n != 1 || strings.Contains(string(text), "go test") {
		t.Errorf("it says\n%s", text)
	}
}
