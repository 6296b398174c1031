//go:build linux

package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/internal/childprocess"
)

// patience bounds every wait that has no bound of its own to meet.
const patience = 30 * time.Second

// process is a child process. It ends with its test, and with this process
// however that ends.
type process struct {
	*childprocess.Process
	path string
}

// startProcess runs a program in an empty folder of its own. Both its outputs
// go to output.
func startProcess(t *testing.T, account *syscall.Credential, environment []string, output io.Writer, path string, args ...string) *process {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}, environment...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	if account != nil {
		cmd.Dir = "/"
	}
	started, err := childprocess.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Process: started, path: path}
	t.Cleanup(func() { p.kill(t) })
	return p
}

// signal sends a signal to the process, which may have ended.
func (p *process) signal(s syscall.Signal) { _ = p.Signal(s) }

// kill ends the process at once.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
}

// terminate asks the process to end and returns how it did.
func (p *process) terminate(t *testing.T) error {
	t.Helper()
	err := p.Stop(patience)
	if errors.Is(err, childprocess.ErrKilled) {
		t.Fatalf("%s: %v", p.path, err)
	}
	return err
}

// resetPeak begins a new measurement of the memory's peak, and returns the
// memory in use.
func (p *process) resetPeak(t *testing.T) mebibytes {
	t.Helper()
	if err := os.WriteFile(p.proc("clear_refs"), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return p.memory(t, "VmRSS")
}

// peak returns the most memory that was in use since the last resetPeak.
func (p *process) peak(t *testing.T) mebibytes {
	t.Helper()
	return p.memory(t, "VmHWM")
}

// memory reads a line of the process's status, which is in KiB.
func (p *process) memory(t *testing.T, name string) mebibytes {
	t.Helper()
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return mebibytes(kib) / 1024
		}
	}
	t.Fatalf("no %s in %s", name, p.proc("status"))
	return 0
}

func (p *process) proc(file string) string {
	return fmt.Sprintf("/proc/%d/%s", p.ID(), file)
}

// run runs a program to its end and returns its output and exit code.
func run(t *testing.T, account *syscall.Credential, environment []string, path string, args ...string) (string, int) {
	t.Helper()
	var output bytes.Buffer
	p := startProcess(t, account, environment, &output, path, args...)
	select {
	case <-p.Done():
	case <-time.After(10 * patience):
		t.Fatalf("%s does not end", path)
	}
	return output.String(), p.State().ExitCode()
}

// unprivileged returns whom programs run as that refuse root: nil for
// ourselves when we are not root.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} { // Like internal/pglocal.
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Fatal("there is no user postgres or nobody to run programs as that refuse root")
	return nil
}

// folderFor returns a new folder that belongs to an account. It is not one of
// the test's, which other accounts may not enter.
func folderFor(t *testing.T, account *syscall.Credential) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "todo-faults-") //nolint:usetesting // A test's own folder is closed to other accounts.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if account != nil {
		if err := os.Chown(dir, int(account.Uid), int(account.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
