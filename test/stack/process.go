//go:build linux

package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/internal/childprocess"
)

// Process is a child process. It ends with its test, and with this process
// however that ends.
type Process struct {
	*childprocess.Process
	path string
}

// Start runs a program with an environment and nothing besides, in an empty folder of its
// own. With an account, it runs as that, in the root folder. Both its outputs go to output.
func Start(t *testing.T, account *syscall.Credential, environment []string, output io.Writer, path string, args ...string) *Process {
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
	p := &Process{Process: started, path: path}
	t.Cleanup(func() { p.Kill(t) })
	return p
}

// Signal sends a signal to the process, which may have ended.
func (p *Process) Signal(s syscall.Signal) { _ = p.Process.Signal(s) }

// Kill ends the process at once.
func (p *Process) Kill(t *testing.T) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Error(err)
	}
}

// Terminate asks the process to end and returns how it did.
func (p *Process) Terminate(t *testing.T) error {
	t.Helper()
	err := p.Stop(Patience)
	if errors.Is(err, childprocess.ErrKilled) {
		t.Fatalf("%s: %v", p.path, err)
	}
	return err
}

func (p *Process) proc(file string) string {
	return fmt.Sprintf("/proc/%d/%s", p.ID(), file)
}

// Run runs a program to its end and returns its output and exit code.
func Run(t *testing.T, account *syscall.Credential, environment []string, path string, args ...string) (string, int) {
	t.Helper()
	var output bytes.Buffer
	p := Start(t, account, environment, &output, path, args...)
	select {
	case <-p.Done():
	case <-time.After(10 * Patience):
		t.Fatalf("%s does not end", path)
	}
	return output.String(), p.State().ExitCode()
}
