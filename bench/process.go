package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	readyTimeout = 30 * time.Second
	readyPoll    = time.Millisecond // Its cost is part of a measured start.
	stopTimeout  = 20 * time.Second // More than the service takes to drain.
)

// process is a server that runs as a child. On Linux it does not outlive this
// process.
type process struct {
	cmd    *exec.Cmd
	addr   string
	stderr bytes.Buffer // Valid once done is closed.
	done   chan struct{}
	err    error // How it ended. Valid once done is closed.
}

// launch starts a program that listens at an address. What it logs on stdout
// goes nowhere, as part of its cost: writing it is.
func launch(ctx context.Context, addr, program string, args, settings []string) (*process, error) {
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(ctx), program, args...), addr: addr, done: make(chan struct{})}
	p.cmd.Stderr = &p.stderr
	p.cmd.Env = append(environment(), settings...)
	p.cmd.SysProcAttr = processAttributes()
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		// Linux kills the process when the thread that forked it ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
	}()
	return p, <-started
}

// environment is this process's, without what would change what programs do
// with a database or with Go's runtime.
func environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "GO") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// waitReady returns when the server answers at the path with 200.
func (p *process) waitReady(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for !answers(ctx, client, "http://"+p.addr+path) {
		select {
		case <-poll.C:
		case <-p.done:
			return fmt.Errorf("%s ended: %w\n%s", p.cmd.Path, p.err, p.stderr.Bytes())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", p.cmd.Path, ctx.Err())
		}
	}
	return nil
}

func answers(ctx context.Context, client *http.Client, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	res, err := client.Do(r)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

// stop asks the process to end and kills it when it doesn't.
func (p *process) stop() error {
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // It fails when the process has ended.
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s: %w\n%s", p.cmd.Path, p.err, p.stderr.Bytes())
		}
		return nil
	case <-timeout.C:
	}
	err := p.cmd.Process.Kill()
	<-p.done
	return errors.Join(fmt.Errorf("%s had not ended %v after it was asked to", p.cmd.Path, stopTimeout), err)
}

// freeAddr returns an address on the loopback interface that nobody listened
// at a moment ago.
func freeAddr(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
