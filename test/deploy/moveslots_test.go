//go:build linux

package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// newSlotsMove has todod do what a script says. The new database has no users at first.
func newSlotsMove(t *testing.T, balancers, todod string) *slotsMove {
	t.Helper()
	m := &slotsMove{folder: t.TempDir(), bin: t.TempDir(), scripts: repository(t, "deploy", "haproxy"), balancers: balancers}
	writeProgram(t, m.bin, "todod", "[ \"$DATABASE_URL $*\" != 'new list-users' ] || exit 0\n"+todod)
	writeProgram(t, m.bin, "sleep", "echo sleep >>did\n")
	return m
}

// run moves the slots of cell1 to cell2. It returns what the script prints, and how it ended.
func (m *slotsMove) run(t *testing.T, environment ...string) (string, error) {
	t.Helper()
	return m.give(t, []string{"cell1", "cell2", "0-2047"}, environment...)
}

// give runs the script. Later values of a variable go before earlier ones.
func (m *slotsMove) give(t *testing.T, args []string, environment ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(m.scripts, "move-slots.sh"), args...)
	cmd.Dir = m.folder
	cmd.Env = append([]string{"PATH=" + m.bin + ":" + os.Getenv("PATH"), "BALANCERS=" + m.balancers, "DATABASE_URL=old", "TARGET_DATABASE_URL=new"}, environment...)
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
	for user in bob -b ' c  d '; do grep -qxF -e "$user" gone || echo "$user"; done ;;
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
	for _, user := range []string{"bob", "-b", " c  d "} {
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
case "$1 ${2-}" in
list-users*)
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
	writeProgram(t, m.bin, "move-slots.sh", "exec bash '"+filepath.Join(m.scripts, "move-slots.sh")+"' \"$@\"\n")
	m.scripts = m.bin
	if out, err := m.run(t); err == nil || !strings.Contains(out, "ended by a signal") || !strings.HasSuffix(out, "alice may be unable to write\n") {
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
	writeProgram(t, m.scripts, "move-slots.sh", read(t, "deploy", "haproxy", "move-slots.sh"))
	writeProgram(t, m.scripts, "cells.sh", "case $1 in where) echo balancer: cell1 ;; unpin) echo \"$2 $LC_ALL\" >>moved ;; pin) cat >/dev/null ;; esac\n")
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
		"no list":             "echo zoe; exit 1\n",
		"no list, afterwards": "[ ! -e did ] || exit 1\n[ \"$1\" = list-users ]\necho zoe\n",
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

// With a database or slots of another cell, users would be lost between two databases.
func TestAMoveOfSlotsThatAreAnotherCellsChangesNothing(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	script{balancers: c.Folder}.do(t, "", "pin", "cell2", "erin")
	users, slots := filepath.Join(c.Folder, "users.map"), filepath.Join(c.Folder, "slots.map")
	before := readFile(t, users) + readFile(t, slots)
	const usual = "bob\nzoe\n" // Both are in cell1.
	for name, test := range map[string]struct {
		args        []string
		old, new    string // The users of the databases.
		inSlots     string // Of the old one's.
		environment []string
		refusal     string
	}{
		"another cell's database":       {old: "alice\ncarol\n", refusal: "DATABASE_URL is not cell1's"},
		"nobody's database":             {refusal: "DATABASE_URL has no users"},
		"another cell's new database":   {old: usual, new: "bob\n", inSlots: usual, refusal: "TARGET_DATABASE_URL is not cell2's"},
		"another cell's slots":          {args: []string{"cell1", "cell2", "2048-2050"}, old: usual, refusal: "some are neither cell1 nor sealed"},
		"some of another cell's slots":  {args: []string{"cell1", "cell2", "2000-2050"}, old: usual, inSlots: usual, refusal: "some are neither cell1 nor sealed"},
		"the cells in the wrong order":  {args: []string{"cell2", "cell1", "0-2047"}, old: usual, inSlots: usual, refusal: "DATABASE_URL is not cell2's"},
		"no such cell":                  {args: []string{"cell1", "cell3", "0-2047"}, old: usual, inSlots: usual, refusal: "no servers of cell3"},
		"a user of another cell":        {old: usual, inSlots: usual + "erin\n", refusal: "erin is pinned to cell2"},
		"a direct address that may win": {old: usual, inSlots: usual, environment: []string{"DATABASE_DIRECT_URL=x"}, refusal: "unset DATABASE_DIRECT_URL"},
	} {
		m := newSlotsMove(t, c.Folder, "")
		for file, content := range map[string]string{"old": test.old, "new": test.new, "inSlots": test.inSlots} {
			write(t, filepath.Join(m.folder, file), content)
		}
		writeProgram(t, m.bin, "todod", `case $* in list-users) cat "$DATABASE_URL" ;; list-users*) cat inSlots ;; *) echo "$*" >>did ;; esac`)
		if test.args == nil {
			test.args = []string{"cell1", "cell2", "0-2047"}
		}
		if out, err := m.give(t, test.args, test.environment...); err == nil || !strings.Contains(out, test.refusal) {
			t.Errorf("%s: %v %s", name, err, out)
		}
		if after := readFile(t, users) + readFile(t, slots); after != before || exists(filepath.Join(m.folder, "did")) {
			t.Errorf("%s: %s, and before %s", name, after, before)
		}
		if noted := readFile(t, filepath.Join(m.folder, "users-"+strings.Join(test.args, "-"))); noted != "" {
			t.Errorf("%s: the next run would move %q", name, noted)
		}
	}
}

// A repetition with another cell's database would find nothing to move, and send the users to
// where they have nothing.
func TestARepetitionWithAnotherCellsDatabaseMovesNobody(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	script{balancers: c.Folder}.do(t, "", "pin", "cell1", "carol")
	m := newSlotsMove(t, c.Folder, `
case "$DATABASE_URL $*" in
'old list-users'*) echo bob; echo zoe ;;
'of cell2 list-users'*) echo alice ;;
'of cell1 list-users'*) echo carol ;;
'old move-user'*) exit 1 ;;
*) echo "$*" >>did ;;
esac
`)
	if out, err := m.run(t); err == nil || !strings.Contains(out, "run this again") {
		t.Errorf("%v: %s", err, out)
	}
	for variable, database := range map[string]string{"DATABASE_URL": "of cell2", "TARGET_DATABASE_URL": "of cell1"} {
		if out, err := m.run(t, variable+"="+database); err == nil || !strings.Contains(out, " "+variable+" is not cell") {
			t.Errorf("%s: %v %s", variable, err, out)
		}
	}
	if did := readFile(t, filepath.Join(m.folder, "did")); did != "sleep\n" {
		t.Errorf("did %q", did)
	}
}

// Once todod has sealed a user, it is too late to find that a balancer can't be told.
func TestNobodyIsMovedWhileABalancerIsDown(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	other := startBalancer(t, "cells.cfg", c.environment)
	m := newSlotsMove(t, c.Folder+" "+other.Folder, fmt.Sprintf(`
case $1 in
list-users) echo bob; echo zoe ;;
move-user)
	echo "$5" >>moved
	$3 "$5"
	if [ ! -e killed ]; then touch killed; kill -KILL %d; fi ;;
esac
`, other.ID()))
	moved := func() string { return readFile(t, filepath.Join(m.folder, "moved")) }
	if out, err := m.run(t); err == nil || !strings.Contains(out, "nobody is moved") || moved() != "bob\n" {
		t.Errorf("a balancer is down: %v: %s, and moved %q", err, out, moved())
	}
	other.Kill(t)
	other.Start(t)
	if out, err := m.run(t); err != nil || moved() != "bob\nzoe\n" {
		t.Errorf("it is back: %v: %s, and moved %q", err, out, moved())
	}
}

// What the script waits for is what a call takes by the balancer's configuration.
func TestAMoveOfSlotsWaitsForCallsThatAreUnderWay(t *testing.T) {
	t.Parallel()
	const (
		callSeconds  = 10 // The service's own bound (docs/operations.md).
		pauseSeconds = 1  // HAProxy's between two attempts.
	)
	retries, connect := number(t, "cells.cfg", `(?m)^\tretries (\d+)`), number(t, "cells.cfg", `(?m)^\ttimeout connect (\d+)s`)
	longest := (retries+1)*connect + retries*pauseSeconds + callSeconds
	if waits := number(t, "move-slots.sh", `(?m)^\t*sleep (\d+)`); waits < longest {
		t.Errorf("it waits %d s, a call may take %d s", waits, longest)
	}
}
