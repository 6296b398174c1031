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
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/internal/childprocess"
)

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
