//go:build linux

package deploy

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// script is deploy/haproxy/cells.sh for some balancers.
type script struct {
	balancers string
	path      string // PATH.
}

// do runs a command, which has to succeed, and returns what it prints.
func (s script) do(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := s.try(t, stdin, args...)
	if err != nil {
		t.Fatalf("cells.sh %q: %v\n%s", args, err, out)
	}
	return out
}

func (s script) try(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	out, err := s.command(t, stdin, args...).CombinedOutput()
	return string(out), err
}

// command returns a command that is not started yet.
func (s script) command(t *testing.T, stdin string, args ...string) *exec.Cmd {
	t.Helper()
	needProgram(t, "flock", "util-linux")
	needProgram(t, "socat", "socat")
	cmd := exec.CommandContext(t.Context(), repository(t, "deploy", "haproxy", "cells.sh"), args...)
	cmd.Env = []string{"PATH=" + s.path + os.Getenv("PATH"), "BALANCERS=" + s.balancers}
	cmd.Stdin = strings.NewReader(stdin)
	return cmd
}

func TestPinsAndSlotsDecideAtOnceAndAfterAReload(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	s := script{balancers: c.Folder}
	client := newPlainCaller(t, true)
	meets := func(when, user, cell string) {
		t.Helper()
		a := client.call(t, http.MethodGet, c.URL+"/api/todos", "", "Authorization", "Bearer "+c.issuer.Sign(c.issuer.Header(), c.claims(fmt.Sprintf(`"sub":"%s"`, user))))
		if cell == "" {
			if a.status != http.StatusServiceUnavailable || a.code() != "unavailable" || a.header.Get("Retry-After") == "" {
				t.Errorf("%s: %s: %d %s", when, user, a.status, a.body)
			}
			return
		}
		got, err := seenBy(a)
		if err != nil || got.User != user || !strings.HasPrefix(got.At, cell+"_") {
			t.Errorf("%s: %s meets %+v %v, want %s", when, user, got, err, cell)
		}
		if said := s.do(t, "", "where", user); said != c.Folder+": "+cell+"\n" {
			t.Errorf("%s: %s is said to be %q", when, user, said)
		}
	}
	other := map[string]string{"cell1": "cell2", "cell2": "cell1"}
	// Every character that JSON writes as it is, and that is more than one byte.
	pinned := make(map[string][]string)
	for r := rune(0x20); r < 0x17f; r++ {
		if r != '"' && r != '\\' {
			pinned["cell1"] = append(pinned["cell1"], "x"+string(r)+"y")
			pinned["cell2"] = append(pinned["cell2"], string(r)+"-")
		}
	}
	for cell, users := range pinned {
		for range 2 {
			s.do(t, strings.Join(users, "\n")+"\n", "pin", cell)
		}
		if out, err := s.try(t, users[7]+"\n", "pin", other[cell]); err == nil || !strings.Contains(out, "is pinned to "+cell) {
			t.Errorf("a list with a user of another cell: %v %s", err, out)
		}
	}
	for cell, users := range pinned {
		for _, user := range users[:40] {
			meets("pinned in a list", user, cell)
		}
		for _, user := range users[40:] {
			a := client.call(t, http.MethodGet, c.URL+"/api/todos", "", "Authorization", "Bearer "+c.issuer.Sign(c.issuer.Header(), c.claims(fmt.Sprintf(`"sub":"%s"`, user))))
			if got, err := seenBy(a); err != nil || !strings.HasPrefix(got.At, cell+"_") {
				t.Errorf("%q in a list: %+v %v", user, got, err)
			}
		}
	}
	for _, user := range []string{"alice", "bob", "it's #1 & <all>; done~", "中文", strings.Repeat("𝒳", 255)} {
		home := cellOf(user)
		meets("before", user, home)
		for range 2 { // Each can be repeated.
			s.do(t, "", "pin", other[home], user)
			meets("pinned", user, other[home])
		}
		s.do(t, "", "pin", home, user)
		meets("pinned at home", user, home)
		s.do(t, "", "pin", other[home], user)
	}
	for _, user := range []string{"7", "007", "7.0", "1e3", "1000"} { // No numbers.
		s.do(t, "", "pin", other[cellOf(user)], user)
	}
	s.do(t, "", "unpin", "7")
	s.do(t, "", "unpin", "1000")
	for user, cell := range map[string]string{"7": cellOf("7"), "1000": cellOf("1000"), "007": other[cellOf("007")], "7.0": other[cellOf("7.0")], "1e3": other[cellOf("1e3")]} {
		meets("after another was unpinned", user, cell)
	}
	s.do(t, "", "check")
	slot := fmt.Sprint(slotOf("bob"))
	s.do(t, "", "slots", slot, "sealed")
	meets("pinned in a sealed slot", "bob", other[cellOf("bob")])
	for range 2 {
		s.do(t, "", "unpin", "bob")
		meets("in a sealed slot", "bob", "")
	}
	s.do(t, "", "slots", "0-4095", "cell1")
	meets("in a slot of cell1", "bob", "cell1")
	s.do(t, "", "check")

	files := func() string {
		users, slots := readFile(t, filepath.Join(c.Folder, "users.map")), readFile(t, filepath.Join(c.Folder, "slots.map"))
		return users + "\n" + slots
	}
	before := files()
	c.reload(t)
	c.awaitAll(t)
	meets("after a reload", "alice", other[cellOf("alice")])
	meets("after a reload", "bob", "cell1")
	s.do(t, "", "check")
	if after := files(); after != before {
		t.Errorf("a reload has changed the files: %s\n%s", before, after)
	}
	if !strings.HasSuffix(before, "\n0:4095 cell1\n") {
		t.Errorf("slots: %q", before[strings.LastIndexByte(before, ' '):])
	}
}

// A worker that a reload has left behind serves its connections for a while, by its own maps.
func TestAWorkerThatAReloadLeftBehindLearnsOfPinsAndSlots(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	s := script{balancers: c.Folder}
	client := newPlainCaller(t, true)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.issuer.Token("alice"))
	res, err := client.Do(req) // Keeps the worker.
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	old := c.workers()
	c.reload(t)
	if left := c.workers(); len(left) != 2 {
		t.Fatalf("workers %q, and before %q", left, old)
	}
	s.do(t, "", "slots", "100-200", "sealed")
	s.do(t, "", "pin", "cell2", "carol")
	s.do(t, "dave\nerin\n", "pin", "cell1")
	for _, pid := range c.workers() {
		users, slots := c.Command("@!"+pid+" show map "+filepath.Join(c.Folder, "users.map")), c.Command("@!"+pid+" show map "+filepath.Join(c.Folder, "slots.map"))
		if !strings.Contains(users, "carol cell2") || !strings.Contains(users, "dave cell1") || !strings.Contains(slots, "100:200 sealed") {
			t.Errorf("worker %s: %s%s", pid, users, slots)
		}
	}
	if at := res.Header.Get("X-At"); !strings.HasPrefix(at, cellOf("alice")) {
		t.Errorf("the stream is at %q", at)
	}
	c.stubs[0].endStreams()
	c.stubs[1].endStreams()
	c.stubs[2].endStreams()
	c.stubs[3].endStreams()
	eventually(t, "the old worker ends", func() bool { return len(c.workers()) == 1 })
	s.do(t, "", "check")
}

func TestSeveralBalancersGetTheSameMaps(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	// The second one is on another machine: ssh runs the script there.
	there := startBalancer(t, "cells.cfg", c.environment)
	bin := t.TempDir()
	writeProgram(t, bin, "ssh", "while [ \"$1\" = -o ]; do shift 2; done\n[ \"$1\" = there.example ] || exit 255\nexec sh -c \"$2\"\n")
	if err := os.Symlink(repository(t, "deploy", "haproxy", "cells.sh"), filepath.Join(there.Folder, "cells.sh")); err != nil {
		t.Fatal(err)
	}
	s := script{balancers: c.Folder + " there.example:" + there.Folder, path: bin + ":"}
	s.do(t, "", "pin", "cell2", "it's ~ $(me)")
	s.do(t, "", "pin", "cell1", "bob")
	s.do(t, "carol\nd e\n", "pin", "cell2")
	s.do(t, "", "unpin", "bob")
	s.do(t, "", "slots", "7-9", "cell2")
	s.do(t, "", "check")
	if said, want := s.do(t, "", "where", "d e"), c.Folder+": cell2\nthere.example:"+there.Folder+": cell2\n"; said != want {
		t.Errorf("where: %q", said)
	}
	const users = "it%27s%20~%20%24%28me%29 cell2\ncarol cell2\nd%20e cell2\n"
	for _, folder := range []string{c.Folder, there.Folder} {
		if got := readFile(t, filepath.Join(folder, "users.map")); got != users {
			t.Errorf("%s: %q", folder, got)
		}
	}
	// Another map on one of them is noticed, and so is one that isn't in use.
	write(t, filepath.Join(there.Folder, "users.map"), users+"frank cell1\n")
	if out, err := s.try(t, "", "check"); err == nil {
		t.Errorf("a file that isn't in use: %s", out)
	}
	script{balancers: there.Folder}.do(t, "", "pin", "cell1", "frank")
	if out, err := s.try(t, "", "check"); err == nil || !strings.Contains(out, "other maps") {
		t.Errorf("different maps: %v %s", err, out)
	}
	// Commands that come at once leave balancers with the same maps.
	var at sync.WaitGroup
	for i := range 8 {
		at.Go(func() {
			if out, err := s.try(t, "", "pin", fmt.Sprint("cell", 1+i%2), "heidi"); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	at.Wait()
	script{balancers: there.Folder}.do(t, "", "unpin", "frank")
	s.do(t, "", "check")
	// While a balancer is down nothing is changed anywhere.
	there.Kill(t)
	if out, err := s.try(t, "", "pin", "cell1", "grace"); err == nil || strings.Contains(readFile(t, filepath.Join(c.Folder, "users.map")), "grace") {
		t.Errorf("a balancer is down: %v %s", err, out)
	}
}

func TestWhatTheScriptDoesNotUnderstandChangesNothing(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	s := script{balancers: c.Folder}
	for _, args := range [][]string{
		{},
		{"pin"},
		{"pin", "cell3", "alice"},
		{"pin", "sealed", "alice"},
		{"pin", "any", "alice"},
		{"pin", "cell1", ""},
		{"pin", "cell1", "a\nb"},
		{"pin", "cell1; rm", "alice"},
		{"pin", "cell3"},
		{"unpin"},
		{"unpin", ""},
		{"slots", "0-4096", "cell1"},
		{"slots", "9-7", "cell1"},
		{"slots", "-1", "cell1"},
		{"slots", "1-", "cell1"},
		{"slots", "x", "cell1"},
		{"slots", "1", "cell3"},
		{"slots", "1", "no_cell"},
		{"slots", "1", "cell1", "no_cell"},
		{"slots", "1", "sealed", "cell2"},
		{"slots", "2047-2048", "sealed", "cell1"},
		{"slots", "1", "cell2", "sealed"},
		{"-n", "slots", "1", "cell3"},
		{"-n", "pin", "cell3", "alice"},
		{"erase"},
	} {
		if out, err := s.try(t, "", args...); err == nil {
			t.Errorf("%q: %s", args, out)
		}
	}
	s.do(t, "", "pin", "cell1") // Nobody.
	s.do(t, "", "-n", "pin", "cell1", "alice")
	s.do(t, "alice\nbob\n", "-n", "pin", "cell1")
	s.do(t, "", "-n", "unpin", "alice")
	s.do(t, "", "-n", "slots", "1-9", "cell2", "cell1")
	s.do(t, "", "check")
	if users := readFile(t, filepath.Join(c.Folder, "users.map")); users != "" {
		t.Errorf("users.map: %s", users)
	}
	if slots := readFile(t, filepath.Join(c.Folder, "slots.map")); slots != "0:2047 cell1\n2048:4095 cell2\n" {
		t.Errorf("slots.map: %s", slots)
	}
}

// Several moves run at once, each with its own change.
func TestChangesThatAreMadeAtOnceAreAllKept(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	s := script{balancers: c.Folder}
	const users = 12
	done := make(chan error, users)
	for i := range users {
		cmd := exec.CommandContext(t.Context(), repository(t, "deploy", "haproxy", "cells.sh"), "pin", "cell1", fmt.Sprint("user-", i))
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "BALANCERS=" + c.Folder}
		go func() { done <- cmd.Run() }()
	}
	for range users {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	s.do(t, "", "check")
	if n := bytes.Count([]byte(readFile(t, filepath.Join(c.Folder, "users.map"))), []byte("\n")); n != users {
		t.Errorf("%d users, want %d", n, users)
	}
}

func TestTheScriptsArePOSIX(t *testing.T) {
	t.Parallel()
	path := needProgram(t, "shellcheck", "shellcheck")
	for _, name := range []string{"cells.sh", "move-slots.sh"} {
		run(t, nil, path, "--shell=sh", repository(t, "deploy", "haproxy", name))
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// workers returns the pids of all workers.
func (c *cells) workers() (pids []string) {
	for line := range strings.Lines(c.Command("show proc")) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == "worker" {
			pids = append(pids, fields[0])
		}
	}
	return pids
}

// reload has HAProxy read its files again, in a new worker.
func (c *cells) reload(t *testing.T) {
	t.Helper()
	before := c.workers()
	c.Signal(syscall.SIGUSR2)
	eventually(t, "HAProxy has a new worker", func() bool {
		return slices.ContainsFunc(c.workers(), func(pid string) bool { return !slices.Contains(before, pid) })
	})
}
