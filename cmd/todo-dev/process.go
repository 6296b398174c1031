package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// stopTimeout is how long a process has to end when it is asked to. It is more
// than todod and Better Auth take to drain.
const stopTimeout = 20 * time.Second

// process is a child process. It does not hear the terminal's Ctrl-C, so that
// it ends in its turn, and on Linux it does not outlive this process.
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

// stop asks the process to end, kills it when it doesn't, and returns an error
// unless it ended well, or had ended before.
func (p *process) stop() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	// Windows can't ask.
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
