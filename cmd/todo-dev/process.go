package main

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"example.com/todo-backend/internal/childprocess"
)

// stopTimeout is how long a process has to end after a signal. todod and Better Auth
// drain in less.
const stopTimeout = 20 * time.Second

// process is a child process. It doesn't receive the terminal's Ctrl-C, so that parts
// end in their order. On Linux it doesn't outlive this process.
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

// stop sends SIGTERM to the process, and kills it after stopTimeout. It returns an error
// when the process fails or is killed, but not when it had already ended.
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
