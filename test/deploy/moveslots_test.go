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
	scripts     string // The folder of move-slots.sh.
	balancers   string
}

// newSlotsMove has todod do what a script says.
func newSlotsMove(t *testing.T, balancers, todod string) *slotsMove {
	t.Helper()
	m := &slotsMove{folder: t.TempDir(), bin: t.TempDir(), scripts: repository(t, "deploy", "haproxy"), balancers: balancers}
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
func (m *slotsMove) run(t *testing.T, environment ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(m.scripts, "move-slots.sh"), "cell1", "cell2", "0-2047")
	cmd.Dir = m.folder
	cmd.Env = append(environment, "PATH="+m.bin+":"+os.Getenv("PATH"), "BALANCERS="+m.balancers)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestAMoveOfSlotsThatFailedIsRepeatedToItsEnd(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	// A user who has moved is in no list any more. The first route fails, which is too late
	// for an abort.
	m := newSlotsMove(t, c.Folder, `
touch gone did
case $1 in
list-users)
	for user in alice -b ' c  d '; do grep -qxF -e "$user" gone || echo "$user"; done ;;
move-user)
	if [ "$2" = -abort ]; then exit 1; fi
	[ "$1 $2 $4" = 'move-user -route --' ]
	echo "$5" >>gone
	if [ ! -e failed ]; then touch failed; exit 1; fi
	echo "$5" >>did
	$3 "$5" ;;
esac
`)
	if out, err := m.run(t); err == nil || strings.Count(readFile(t, filepath.Join(m.folder, "gone")), "\n") != 1 {
		t.Errorf("the route failed, and others followed: %v: %s", err, out)
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
	// Those who have moved are not refused once more.
	if n := strings.Count(did, "sleep\n"); n != 1 {
		t.Errorf("the slots were sealed for so many times: %d", n)
	}
	if users := readFile(t, filepath.Join(c.Folder, "users.map")); users != "" {
		t.Errorf("pins that are left: %q", users)
	}
	if slots := readFile(t, filepath.Join(c.Folder, "slots.map")); slots != "0:4095 cell2\n" {
		t.Errorf("slots: %q", slots)
	}
	script{balancers: c.Folder}.do(t, "", "check")
	if left, err := filepath.Glob(filepath.Join(m.folder, "users-*")); err != nil || len(left) != 0 {
		t.Errorf("files that are left: %q %v", left, err)
	}
}

// Whoever has a todo whose id is taken in the new cell can't be moved. Anybody can see to that.
func TestAUserWhoCantBeMovedHoldsUpNobody(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	m := newSlotsMove(t, c.Folder, `
touch did
case "$1 $2" in
'list-users -slots')
	for user in alice mallory 'mallory b' zoe; do echo "$user"; done ;;
'move-user -abort')
	echo "abort $4" >>did ;;
'move-user -route')
	echo "move $5" >>did
	case $5 in mallory*) if [ ! -e helped ]; then echo "todod: the move of \"$5\" is refused: taken" >&2; exit 1; fi ;; esac
	$3 "$5" ;;
esac
`)
	for range 2 {
		out, err := m.run(t)
		if err == nil {
			t.Error("the script succeeds")
		}
		const want = "these users could not be moved, and are in cell1 as before:\n" +
			"mallory\n\ttodod: the move of \"mallory\" is refused: taken\nmallory b\n\ttodod: the move of \"mallory b\" is refused: taken\n"
		if !strings.HasSuffix(out, want) {
			t.Errorf("%q, want %q at the end", out, want)
		}
		// They meet the old cell as before, and the others the new one.
		if users := readFile(t, filepath.Join(c.Folder, "users.map")); users != "mallory cell1\nmallory%20b cell1\n" {
			t.Errorf("pins: %q", users)
		}
		if slots := readFile(t, filepath.Join(c.Folder, "slots.map")); !strings.HasPrefix(slots, "0:4095 cell2") {
			t.Errorf("slots: %q", slots)
		}
	}
	write(t, filepath.Join(m.folder, "helped"), "")
	if out, err := m.run(t); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	const refused = "move mallory\nabort mallory\nmove mallory b\nabort mallory b\n"
	const did = "sleep\nmove alice\n" + refused + "move zoe\n" + refused + "move mallory\nmove mallory b\n"
	if got := readFile(t, filepath.Join(m.folder, "did")); got != did {
		t.Errorf("did %q, want %q", got, did)
	}
	if left, err := filepath.Glob(filepath.Join(m.folder, "users-*")); err != nil || len(left) != 0 {
		t.Errorf("files that are left: %q %v", left, err)
	}
}

// Some shells go on after SIGINT when the program that they ran has ended by itself, as todod
// does. The next user would be sealed.
func TestASignalEndsAMoveOfSlots(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	m := newSlotsMove(t, c.Folder, `
case $1 in
list-users) echo alice; echo zoe ;;
move-user) echo "$*" >>did; kill -INT $PPID; exit 1 ;;
esac
`)
	m.program(t, "move-slots.sh", "exec bash '"+filepath.Join(m.scripts, "move-slots.sh")+"' \"$@\"\n")
	m.scripts = m.bin
	if out, err := m.run(t); err == nil || !strings.Contains(out, "ended by a signal") {
		t.Errorf("%v: %s", err, out)
	}
	if did := readFile(t, filepath.Join(m.folder, "did")); did != "sleep\nmove-user -route cells.sh unpin -- alice\n" {
		t.Errorf("did %q", did)
	}
}

// A locale's order can take two subjects for one, and the folder's name can have spaces.
func TestAMoveOfSlotsMovesEveryUserWhateverTheLocaleIs(t *testing.T) {
	t.Parallel()
	m := newSlotsMove(t, "", `
touch moved
case $1 in
list-users) echo ①; echo ②; echo a ;;
move-user) $3 "$5" ;;
esac
`)
	m.scripts = filepath.Join(t.TempDir(), "of cells")
	if err := os.Mkdir(m.scripts, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"move-slots.sh": read(t, "deploy", "haproxy", "move-slots.sh"),
		"cells.sh":      "#!/bin/sh\nset -eu\ncase $1 in unpin) echo \"$2 $LC_ALL\" >>moved ;; pin) cat >/dev/null ;; esac\n",
	} {
		write(t, filepath.Join(m.scripts, name), script)
		if err := os.Chmod(filepath.Join(m.scripts, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := m.run(t, "LC_ALL=en_US.UTF-8"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if moved := readFile(t, filepath.Join(m.folder, "moved")); moved != "a C\n① C\n② C\n" {
		t.Errorf("moved, in the locale: %q", moved)
	}
}

func TestAMoveOfSlotsEndsAtItsFirstFailure(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	for name, todod := range map[string]string{
		"no list":             "echo alice; exit 1\n",
		"no list, afterwards": "[ ! -e did ] || exit 1\n[ \"$1\" = list-users ]\necho alice\n",
	} {
		before := readFile(t, filepath.Join(c.Folder, "slots.map"))
		m := newSlotsMove(t, c.Folder, todod)
		if out, err := m.run(t); err == nil {
			t.Errorf("%s: %s", name, out)
		}
		after := readFile(t, filepath.Join(c.Folder, "slots.map"))
		if strings.Contains(after, "0:2047 cell2") || (name == "no list" && after != before) {
			t.Errorf("%s: slots %q, and before %q", name, after, before)
		}
		script{balancers: c.Folder}.do(t, "", "slots", "0-2047", "cell1")
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
	if waits := number("move-slots.sh", `(?m)^\t*sleep (\d+)`); waits < longest {
		t.Errorf("it waits %d s, a call may take %d s", waits, longest)
	}
}
