package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// stopTimeout is how long a process has to end after a signal. todod and Better Auth
// drain in less.
const stopTimeout = 20 * time.Second

// process is a child process. It doesn't receive the terminal's Ctrl-C, so that parts
// end in their order. On Linux it doesn't outlive this process.
type process struct {
	name   string // For errors.
	cmd    *exec.Cmd
	output *output
	done   chan struct{}
	err    error // How it ended. Valid once done is closed.
}

// launch starts a process whose stdout and stderr become its output.
func launch(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, output: new(output), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.SysProcAttr = processAttributes()
	cmd.WaitDelay = time.Second
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		// Linux kills the process when the thread that forked it ends, so that
		// thread is held until then.
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

// wait implements [part].
func (p *process) wait() error {
	<-p.done
	if p.err == nil {
		return fmt.Errorf("%s has ended by itself\n%s", p.name, p.output.tail())
	}
	return fmt.Errorf("%s has ended by itself: %w\n%s", p.name, p.err, p.output.tail())
}

// stop sends SIGTERM to the process, and kills it after stopTimeout. It returns an error
// when the process fails or is killed, but not when it had already ended.
func (p *process) stop() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	// Fails on Windows, which has no SIGTERM.
	asked := p.cmd.Process.Signal(syscall.SIGTERM) == nil
	if asked {
		select {
		case <-p.done:
			if p.err != nil {
				return fmt.Errorf("%s, asked to end: %w\n%s", p.name, p.err, p.output.tail())
			}
			return nil
		case <-timeout.C:
		}
	}
	_ = p.cmd.Process.Kill() // It fails when the process has just ended.
	<-p.done
	if asked {
		return fmt.Errorf("%s was killed: it had not ended %v after it was asked to", p.name, stopTimeout)
	}
	return nil
}
