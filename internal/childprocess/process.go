// Package childprocess runs programs that end with this process: on Linux at once,
// however this process ends.
package childprocess

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// ErrKilled means that a process was asked to end and did not.
var ErrKilled = errors.New("the process was killed")

// Process is a process that was started.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // Valid once done is closed.
}

// Start starts a command, in a process group of its own, so that the terminal's
// Ctrl-C does not reach it. On Linux the process gets a signal when this process
// ends: SIGKILL, unless the command's attributes name another one.
func Start(cmd *exec.Cmd) (*Process, error) {
	setAttributes(cmd)
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		// Linux sends the signal when the thread that forked the process ends. So
		// the thread is held until the process has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// Run starts a command as [Start] does and waits until it has ended. It fails as
// [exec.Cmd.Run] does.
func Run(cmd *exec.Cmd) error {
	p, err := Start(cmd)
	if err != nil {
		return err
	}
	return p.Wait()
}

// ID returns the process's ID.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits until the process has ended. It returns how, as [exec.Cmd.Wait] does.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// State returns how the process ended. It must have ended.
func (p *Process) State() *os.ProcessState { return p.cmd.ProcessState }

// Signal sends a signal. It fails when the process has ended.
func (p *Process) Signal(signal os.Signal) error { return p.cmd.Process.Signal(signal) }

// Kill ends the process at once, and waits for its end.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}

// Stop asks the process to end, and kills it when it has not ended after a timeout.
// It returns how the process ended, as [Process.Wait] does, or fails with
// [ErrKilled]. On Windows, where processes can't be asked, it only kills.
func (p *Process) Stop(timeout time.Duration) error {
	if runtime.GOOS == "windows" {
		return p.Kill()
	}
	_ = p.Signal(syscall.SIGTERM) // It fails when the process has ended.
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
		return errors.Join(fmt.Errorf("%w: it had not ended %v after it was asked to", ErrKilled, timeout), p.Kill())
	}
}
