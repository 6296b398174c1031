//go:build unix

package main

import (
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestCtrlCEndsEverythingInItsTurn(t *testing.T) {
	t.Parallel()
	d := startDev(t, newDir(t), "-port", "0", "-issuer-port", "0")
	todod, postgres := d.children(t)
	for name, pid := range map[string]int{"todod": todod, "postgres": postgres} {
		if group, err := syscall.Getpgid(pid); err != nil || group == d.cmd.Process.Pid {
			t.Errorf("%s hears Ctrl-C itself: its process group is %d, %v", name, group, err)
		}
	}
	d.signal(syscall.SIGINT)
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, d.output.text())
	}
	// The service's log goes through to its end, which it reached in peace.
	if text := d.output.text(); !strings.Contains(text, `"msg":"drained"`) {
		t.Errorf("the service was not drained:\n%s", text)
	}
	waitForEnd(t, "todod", todod)
	waitForEnd(t, "postgres", postgres)
}

func TestCtrlCDuringTheStartEndsEverythingToo(t *testing.T) {
	t.Parallel()
	d := launchDev(t, newDir(t), "-port", "0", "-issuer-port", "0")
	d.output.wait(t, "Making a database", d.ended)
	d.signal(syscall.SIGINT)
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, d.output.text())
	}
	if text := d.output.text(); strings.Contains(text, bannerEnd) {
		t.Errorf("it came up nevertheless:\n%s", text)
	}
}

func TestAKilledRunTakesEverythingAlong(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux sends a signal when a parent dies")
	}
	d := startDev(t, newDir(t), "-port", "0", "-issuer-port", "0")
	todod, postgres := d.children(t)
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	waitForEnd(t, "todod", todod)
	waitForEnd(t, "postgres", postgres)
}

func TestAPartThatDiesEndsEverything(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"todod":    "todo-dev: todod has ended by itself: signal: killed",
		"postgres": "todo-dev: PostgreSQL has ended by itself: see ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDev(t, newDir(t), "-port", "0", "-issuer-port", "0")
			todod, postgres := d.children(t)
			victim := map[string]int{"todod": todod, "postgres": postgres}[name]
			if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if code := d.wait(t); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if text := d.output.text(); !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
			waitForEnd(t, "todod", todod)
			waitForEnd(t, "postgres", postgres)
		})
	}
}

func TestTwoRunsDoNotGetInEachOthersWay(t *testing.T) {
	t.Parallel()
	dir, port := newDir(t), freePorts(t, 4)
	args := []string{"-port", strconv.Itoa(port), "-issuer-port", strconv.Itoa(port + 1)}
	first := startDev(t, dir, args...)
	if got, want := first.value(t, "service"), "http://localhost:"+strconv.Itoa(port); got != want {
		t.Errorf("the first service is at %s, want %s", got, want)
	}

	same := launchDev(t, dir, args...)
	if code := same.wait(t); code != 1 {
		t.Errorf("exit code %d for a run in the same folder, want 1", code)
	}
	for _, part := range []string{dir, "-dir", "another todo-dev"} {
		if text := same.output.text(); !strings.Contains(text, part) {
			t.Errorf("a run in the same folder doesn't say %q:\n%s", part, text)
		}
	}

	other := startDev(t, newDir(t), args...)
	for name, want := range map[string]int{"service": port + 3, "issuer": port + 2} {
		if got := other.value(t, name); got != "http://localhost:"+strconv.Itoa(want) {
			t.Errorf("the other %s is at %s, want port %d", name, got, want)
		}
	}
	for _, d := range []*dev{first, other} {
		if answer := paste(t, d.command(t, "export")+"\n"+d.command(t, `/api/todos -H "Authorization: Bearer $TOKEN"`), ""); !strings.Contains(answer, `"todos":[{`) {
			t.Errorf("a list of one of two runs: %s", answer)
		}
	}
}

func TestListenMovesPastPortsThatAreTaken(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 3)
	taken, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	want := port + 1
	// Where localhost stands for ::1 too, who says it may get this one, though
	// 127.0.0.1 is free.
	if addresses, err := net.DefaultResolver.LookupHost(t.Context(), "localhost"); err != nil {
		t.Fatal(err)
	} else if slices.Contains(addresses, "::1") {
		other, err := net.Listen("tcp", net.JoinHostPort("::1", strconv.Itoa(port+1)))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		want++
	}
	listener, err := listen(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if got := listener.Addr().String(); got != "127.0.0.1:"+strconv.Itoa(want) {
		t.Errorf("listens at %s, want port %d", got, want)
	}
}
