package main

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"example.com/todo-backend/internal/childprocess"
)

// stopTimeout is how long a process has to end when it is asked to. It is more
// than todod and Better Auth take to drain.
const stopTimeout = 20 * time.Second

// process is a child process. It does not hear the terminal's Ctrl-C, so that
// it ends in its turn, and on Linux it does not outlive this process.
type process struct {
	*childprocess.Process
	name   string // For errors.
	output *output
}

// launch starts a process whose stdout and stderr become its output.
func launch(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, output: new(output)}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.WaitDelay = time.Second
	var err error
	p.Process, err = childprocess.Start(cmd)
	return p, err
}

// wait implements [part].
func (p *process) wait() error {
	if err := p.Wait(); err != nil {
		return fmt.Errorf("%s has ended by itself: %w\n%s", p.name, err, p.output.tail())
	}
	return fmt.Errorf("%s has ended by itself\n%s", p.name, p.output.tail())
}

// stop asks the process to end, kills it when it doesn't, and returns an error
// unless it ended well, or had ended before.
func (p *process) stop() error {
	select {
	case <-p.Done():
		return nil
	default:
	}
	switch err := p.Stop(stopTimeout); {
	case errors.Is(err, childprocess.ErrKilled):
		return fmt.Errorf("%s: %w", p.name, err)
	case err != nil:
		return fmt.Errorf("%s, asked to end: %w\n%s", p.name, err, p.output.tail())
	}
	return nil
}
