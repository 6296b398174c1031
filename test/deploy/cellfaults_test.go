//go:build linux

package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	system "example.com/todo-backend/test/stack" // A stack is compose.yaml's, here.
)

// A command that ends in the middle has written the file, and HAProxy doesn't use it yet.
func TestACommandThatWasKilledCanBeRepeated(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	s := script{balancers: c.Folder}
	var list strings.Builder
	const users = 3000
	for i := range users {
		fmt.Fprintf(&list, "user-%d\n", i)
	}
	bin := t.TempDir()
	reached := filepath.Join(bin, "reached")
	writeSocat(t, bin, "commit map", "touch "+reached+"; exec sleep 1000")
	p := script{balancers: c.Folder, path: bin + ":"}.command(t, list.String(), "pin", "cell1")
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is about to tell HAProxy", func() bool { return exists(reached) })
	_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
	_ = p.Wait()
	if out, err := s.try(t, "", "check"); err == nil {
		t.Errorf("it had told HAProxy already: %s", out)
	}
	s.do(t, list.String(), "pin", "cell1")
	s.do(t, "", "check")
	used := c.Command("@1 show map " + filepath.Join(c.Folder, "users.map"))
	if n := strings.Count(used, " cell1"); n != users {
		t.Errorf("HAProxy has %d users, want %d", n, users)
	}
}

// A worker that hangs says nothing, and so does one to which a command has not come.
func TestSilenceOfHAProxyIsAFailure(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	script{balancers: c.Folder}.do(t, "", "pin", "cell1", "bob")
	for command, args := range map[string][]string{
		"set map":       {"pin", "cell1", "alice"},
		"add map":       {"pin", "cell1", "carol"},
		"del map":       {"unpin", "bob"},
		"prepare map":   {"slots", "0-9", "sealed"},
		"add map @":     {"slots", "0-9", "sealed"},
		"commit map":    {"slots", "0-9", "sealed"},
		"show map":      {"unpin", "bob"},
		"show proc":     {"unpin", "bob"},
		"show servers ": {"pin", "cell1", "alice"},
	} {
		bin := t.TempDir()
		writeSocat(t, bin, command, "exit")
		writeProgram(t, bin, "sleep", "")
		if out, err := (script{balancers: c.Folder, path: bin + ":"}).try(t, "", args...); err == nil || !strings.Contains(out, "doesn't answer") {
			t.Errorf("silence after %q: %v %s", command, err, out)
		}
	}
	worker, err := strconv.Atoi(c.workers()[0])
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(worker, syscall.SIGSTOP)
	bin := t.TempDir()
	writeTimeout(t, bin, "socat", 1)
	if out, err := (script{balancers: c.Folder, path: bin + ":"}).try(t, "", "unpin", "bob"); err == nil || !strings.Contains(out, "doesn't answer") {
		t.Errorf("a worker hangs: %v %s", err, out)
	}
	_ = syscall.Kill(worker, syscall.SIGCONT)
	s := script{balancers: c.Folder}
	for _, args := range [][]string{{"pin", "cell1", "alice"}, {"pin", "cell1", "carol"}, {"unpin", "bob"}, {"slots", "0-9", "sealed"}} {
		s.do(t, "", args...)
	}
	s.do(t, "", "check")
}

// An ssh to a machine that has vanished ends after hours, when nothing ends it.
func TestAMachineThatVanishesHoldsUpNobody(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	bin := t.TempDir()
	reached := filepath.Join(bin, "reached")
	writeProgram(t, bin, "ssh", "touch "+reached+"\nexec sleep 1000\n")
	writeTimeout(t, bin, "ssh", 1)
	s := script{balancers: c.Folder + " there.example:/maps", path: bin + ":"}
	if out, err := s.try(t, "", "pin", "cell1", "alice"); err == nil || !strings.Contains(out, "there.example:/maps has not done it") {
		t.Errorf("a machine has vanished: %v %s", err, out)
	}
	if err := os.Remove(reached); err != nil {
		t.Fatal(err)
	}
	p := s.command(t, "", "pin", "cell1", "alice")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ssh runs", func() bool { return exists(reached) })
	_ = p.Process.Kill() // And not its ssh.
	_ = p.Wait()
	script{balancers: c.Folder}.do(t, "", "pin", "cell2", "alice")
}

// todod kills a route after a minute. What it has waited for is then unknown.
func TestARouteFailsByItselfBeforeItIsKilled(t *testing.T) {
	t.Parallel()
	if !strings.Contains(read(t, "cmd", "todod", "moveuser.go"), "\trouteTimeout = time.Minute\n") {
		t.Fatal("a route may take another time")
	}
	others := number(t, "cells.sh", `flock -w (\d+) 8`)
	here := number(t, "cells.sh", `flock -w (\d+) 9`) + number(t, "cells.sh", `timeout --foreground (\d+)`)
	there := number(t, "cells.sh", `(?m)^\tbound=(\d+)$`)
	if longest := others + max(here, there); longest >= 60 {
		t.Errorf("it may wait for %d s", longest)
	}
}

// Users of a process that is in two cells would meet a database that doesn't know them.
func TestACellWithAProcessOfAnotherOneIsRefused(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	var third []string
	for _, name := range []string{"cell3_a", "cell3_b", "cell3_c"} {
		third = append(third, startStub(t, name, freeAddress(t), c.issuer).address)
	}
	const inFile = `"${CELL2_A}"`
	text := read(t, "deploy", "haproxy", "cells.cfg")
	if !strings.Contains(text, system.CellBlocks("cell2", inFile, `"${CELL2_B}"`)) {
		t.Error("cells.cfg has other blocks")
	}
	for name, addresses := range map[string][]string{
		"its own processes":              third,
		"a process of cell2":             {third[0], third[1], inFile},
		"a process of cell2, for writes": third,
	} {
		blocks := system.CellBlocks("cell3", addresses...)
		if name == "a process of cell2, for writes" {
			blocks = strings.Replace(blocks, third[2]+" track", inFile+" track", 1)
		}
		b := system.StartHAProxy(t, system.HAProxyConfig{Text: text + blocks, Variables: c.environment, Master: true})
		s := script{balancers: b.Folder}
		for _, args := range [][]string{{"slots", "0-9", "cell3"}, {"pin", "cell3", "alice"}} {
			out, err := s.try(t, "", args...)
			if name == "its own processes" && err != nil {
				t.Errorf("%s: %q: %v %s", name, args, err, out)
			}
			if name != "its own processes" && (err == nil || !strings.Contains(out, "is in cell2 and in cell3")) {
				t.Errorf("%s: %q: %v %s", name, args, err, out)
			}
		}
	}
}

// writeSocat writes a socat that does something else instead of sending some command.
func writeSocat(t *testing.T, folder, command, instead string) {
	t.Helper()
	writeProgram(t, folder, "socat", fmt.Sprintf("command=$(cat && echo .)\ncase $command in *'%s'*) %s ;; esac\nprintf %%s \"${command%%.}\" | exec %s \"$@\"\n",
		command, instead, needProgram(t, "socat", "socat")))
}

// writeTimeout writes a timeout that gives a program another time.
func writeTimeout(t *testing.T, folder, of string, seconds int) {
	t.Helper()
	writeProgram(t, folder, "timeout", fmt.Sprintf("if [ \"$3\" = %s ]; then shift 2; set -- --foreground %d \"$@\"; fi\nexec %s \"$@\"\n",
		of, seconds, needProgram(t, "timeout", "coreutils")))
}

// exists reports whether there is a file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// number returns one that a file of deploy/haproxy has.
func number(t *testing.T, file, pattern string) int {
	t.Helper()
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
