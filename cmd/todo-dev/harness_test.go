//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/todo-backend/internal/pglocal"
)

// patience bounds every wait of these tests. It is no measure of speed.
const patience = 90 * time.Second

// childVariable makes the test binary be todo-dev itself, so that signals can
// be tried out on a process.
const childVariable = "TODO_DEV_TEST_CHILD"

// TestMain fails when a goroutine outlives the tests.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		main()
		os.Exit(0)
	}
	goleak.VerifyTestMain(tests{m})
}

// tests are this package's, as goleak runs them.
type tests struct{ *testing.M }

// Run runs them with a folder for programs.
func (t tests) Run() int {
	dir, err := os.MkdirTemp("", "todo-dev-test-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs.dir = dir
	return t.M.Run()
}

// programs are those that the tests run, built when first needed, and those of
// PostgreSQL, without which each test fails at once.
var programs struct {
	once     sync.Once
	dir      string
	postgres string
	err      error
}

// programsDir returns the folder of todod and the grpcurl that is pinned.
func programsDir(t *testing.T) string {
	t.Helper()
	programs.once.Do(func() {
		programs.postgres, programs.err = pglocal.Find(t.Context(), os.Getenv(pglocal.MirrorVariable), os.Stderr)
		if programs.err != nil {
			return
		}
		for _, args := range [][]string{
			{"./cmd/todod"},
			{"-modfile=tools/go.mod", "github.com/fullstorydev/grpcurl/cmd/grpcurl"},
		} {
			build := exec.CommandContext(t.Context(), "go", append([]string{"build", "-buildvcs=false", "-o", programs.dir}, args...)...)
			build.Dir = filepath.Join("..", "..")
			if text, err := build.CombinedOutput(); err != nil {
				programs.err = fmt.Errorf("go build %v: %w\n%s", args, err, text)
				return
			}
		}
	})
	if programs.err != nil {
		t.Fatal(programs.err)
	}
	return programs.dir
}

// newDir returns a folder that PostgreSQL's user can enter.
func newDir(t *testing.T) string {
	t.Helper()
	//nolint:usetesting // the parents of t.TempDir are closed to that user when the tests run as root
	dir, err := os.MkdirTemp("", "todo-dev-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// freePorts returns n ports in a row that nobody listens on, outside of the
// range that systems take the ports of outgoing connections from.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		first := 10_000 + rand.IntN(20_000)
		free := true
		for port := first; port < first+n; port++ {
			listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
			if err != nil {
				free = false
				break
			}
			_ = listener.Close()
		}
		if free {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

// dev is todo-dev, running as a process.
type dev struct {
	cmd    *exec.Cmd
	dir    string
	output *transcript
	ended  chan struct{}
	err    error // Valid once ended is closed.
}

// launchDev starts todo-dev in a process group of its own, as a shell would.
// It is killed when the test has ended, if not before.
func launchDev(t *testing.T, dir string, args ...string) *dev {
	t.Helper()
	return launchDevOn(t, nil, os.Getenv(pglocal.MirrorVariable), dir, args...)
}

// launchDevOn starts todo-dev on a machine, which a command line begins with,
// with a mirror to download PostgreSQL from.
func launchDevOn(t *testing.T, machine []string, mirror, dir string, args ...string) *dev {
	t.Helper()
	programs := programsDir(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := append(slices.Clone(machine), self, "-todod", filepath.Join(programs, "todod"), "-dir", dir)
	line = append(line, args...)
	// Not the test's context, which would kill it before it is asked to end.
	cmd := exec.CommandContext(context.Background(), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), childVariable+"=1", pglocal.MirrorVariable+"="+mirror, "PATH="+programs+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	d := &dev{cmd: cmd, dir: dir, output: &transcript{grown: make(chan struct{})}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = d.output, d.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.ended)
		d.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		d.signal(syscall.SIGTERM)
		select {
		case <-d.ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-d.ended
			t.Errorf("todo-dev did not end:\n%s", d.output.text())
		}
	})
	return d
}

// startDev starts todo-dev and waits for its banner.
func startDev(t *testing.T, dir string, args ...string) *dev {
	t.Helper()
	d := launchDev(t, dir, args...)
	d.output.wait(t, bannerEnd, d.ended)
	return d
}

// signal sends a signal to the process group, as a terminal does.
func (d *dev) signal(signal syscall.Signal) { _ = syscall.Kill(-d.cmd.Process.Pid, signal) }

// wait returns the exit code, -1 when a signal ended it.
func (d *dev) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-d.ended:
		return d.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("todo-dev did not end:\n%s", d.output.text())
		return 0
	}
}

// children returns the process ids of todod and of PostgreSQL.
func (d *dev) children(t *testing.T) (todod, postgres int) {
	t.Helper()
	return readPID(t, filepath.Join(d.dir, "todod.pid")),
		readPID(t, filepath.Join(d.dir, "postgres", "data", "postmaster.pid"))
}

// readPID reads the number in the first line of a file.
func readPID(t *testing.T, file string) int {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// waitForEnd returns when a process has ended, whoever has to reap it.
func waitForEnd(t *testing.T, name string, pid int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !hasEnded(pid) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s, process %d, still runs", name, pid)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func hasEnded(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// value returns what the banner says about something, without the note behind
// it.
func (d *dev) value(t *testing.T, name string) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^  ` + name + ` +(.+?)(?:  \(.*)?$`).FindStringSubmatch(d.output.text())
	if match == nil {
		t.Fatalf("the banner has no %s:\n%s", name, d.output.text())
	}
	return match[1]
}

// transcript is what a process has written.
type transcript struct {
	mu      sync.Mutex
	written bytes.Buffer
	grown   chan struct{} // Closed, and made anew, at each write.
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown = make(chan struct{})
	return o.written.Write(p)
}

func (o *transcript) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written.String()
}

// wait returns when the text has been written.
func (o *transcript) wait(t *testing.T, text string, ended <-chan struct{}) {
	t.Helper()
	timeout := time.After(patience)
	for {
		o.mu.Lock()
		found, grown := strings.Contains(o.written.String(), text), o.grown
		o.mu.Unlock()
		if found {
			return
		}
		select {
		case <-grown:
		case <-ended:
			t.Fatalf("todo-dev ended without %q:\n%s", text, o.text())
		case <-timeout:
			t.Fatalf("waited in vain for %q:\n%s", text, o.text())
		}
	}
}
