//go:build linux

package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// slotsMove runs deploy/haproxy/move-slots.sh in a folder, with programs in place of todod and
// sleep.
type slotsMove struct {
	folder, bin string
	balancers   string
}

// newSlotsMove has todod do what a script says.
func newSlotsMove(t *testing.T, balancers, todod string) *slotsMove {
	t.Helper()
	m := &slotsMove{folder: t.TempDir(), bin: t.TempDir(), balancers: balancers}
	m.program(t, "todod", todod)
	m.program(t, "sleep", "echo sleep >>did\n")
	return m
}

func (m *slotsMove) program(t *testing.T, name, script string) {
	t.Helper()
	path := filepath.Join(m.bin, name)
	write(t, path, "#!/bin/sh\nset -eu\n"+script)
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// run returns what the script prints, and how it ended.
func (m *slotsMove) run(t *testing.T) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), repository(t, "deploy", "haproxy", "move-slots.sh"), "cell1", "cell2", "0-2047")
	cmd.Dir = m.folder
	cmd.Env = []string{"PATH=" + m.bin + ":" + os.Getenv("PATH"), "BALANCERS=" + m.balancers}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestAMoveOfSlotsThatFailedIsRepeatedToItsEnd(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	// A user who has moved is in no list any more. The first route fails.
	m := newSlotsMove(t, c.folder, `
touch gone did
case $1 in
list-users)
	for user in alice -b ' c  d '; do grep -qxF -e "$user" gone || echo "$user"; done ;;
move-user)
	[ "$1 $2 $4" = 'move-user -route --' ]
	echo "$5" >>gone
	if [ ! -e failed ]; then touch failed; exit 1; fi
	echo "$5" >>did
	$3 "$5" ;;
esac
`)
	if out, err := m.run(t); err == nil {
		t.Errorf("the route failed: %s", out)
	}
	if out, err := m.run(t); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	did := readFile(t, filepath.Join(m.folder, "did"))
	for _, user := range []string{"alice", "-b", " c  d "} {
		if !strings.Contains(did, user+"\n") {
			t.Errorf("%q has not moved: %q", user, did)
		}
	}
	if users := readFile(t, filepath.Join(c.folder, "users.map")); users != "" {
		t.Errorf("pins that are left: %q", users)
	}
	if slots := readFile(t, filepath.Join(c.folder, "slots.map")); slots != "0:4095 cell2\n" {
		t.Errorf("slots: %q", slots)
	}
	script{balancers: c.folder}.do(t, "", "check")
	if left, err := filepath.Glob(filepath.Join(m.folder, "users-*")); err != nil || len(left) != 0 {
		t.Errorf("files that are left: %q %v", left, err)
	}
}

func TestAMoveOfSlotsEndsAtItsFirstFailure(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	for name, todod := range map[string]string{
		"no list":             "echo alice; exit 1\n",
		"no list, afterwards": "[ ! -e did ] || exit 1\n[ \"$1\" = list-users ]\necho alice\n",
	} {
		before := readFile(t, filepath.Join(c.folder, "slots.map"))
		m := newSlotsMove(t, c.folder, todod)
		if out, err := m.run(t); err == nil {
			t.Errorf("%s: %s", name, out)
		}
		after := readFile(t, filepath.Join(c.folder, "slots.map"))
		if strings.Contains(after, "0:2047 cell2") || (name == "no list" && after != before) {
			t.Errorf("%s: slots %q, and before %q", name, after, before)
		}
		script{balancers: c.folder}.do(t, "", "slots", "0-2047", "cell1")
	}
}

// What the script waits for is what a call takes by the balancer's configuration.
func TestAMoveOfSlotsWaitsForCallsThatAreUnderWay(t *testing.T) {
	t.Parallel()
	const (
		callSeconds  = 10 // The service's own bound (docs/operations.md).
		pauseSeconds = 1  // HAProxy's between two attempts.
	)
	number := func(file, pattern string) int {
		found := regexp.MustCompile(pattern).FindStringSubmatch(read(t, "deploy", "haproxy", file))
		if found == nil {
			t.Fatalf("no %q in %s", pattern, file)
		}
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	retries, connect := number("cells.cfg", `(?m)^\tretries (\d+)`), number("cells.cfg", `(?m)^\ttimeout connect (\d+)s`)
	longest := (retries+1)*connect + retries*pauseSeconds + callSeconds
	if waits := number("move-slots.sh", `(?m)^sleep (\d+)`); waits < longest {
		t.Errorf("it waits %d s, a call may take %d s", waits, longest)
	}
}
