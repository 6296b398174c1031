package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"example.com/todo-backend/internal/childprocess"
)

const (
	readyTimeout = 30 * time.Second
	readyPoll    = time.Millisecond // Its cost is part of a measured start.
	stopTimeout  = 20 * time.Second // More than the service takes to drain.
)

// process is a server that runs as a child.
type process struct {
	*childprocess.Process

	path   string
	addr   string
	stderr bytes.Buffer // Valid once the process has ended.
}

// launch starts a program that listens at an address. What it logs on stdout
// goes nowhere, as part of its cost: writing it is.
func launch(ctx context.Context, addr, program string, args, settings []string) (*process, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, args...) // Its end is stop's.
	p := &process{path: program, addr: addr}
	cmd.Stderr = &p.stderr
	cmd.Env = append(environment(), settings...)
	var err error
	p.Process, err = childprocess.Start(cmd)
	return p, err
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

// waitReady returns when the server is ready.
func (p *process) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		_, err := fetch(r)
		if err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-p.Done():
			return fmt.Errorf("%s ended: %w\n%s", p.path, p.Wait(), p.stderr.Bytes())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", p.path, err)
		}
	}
}

// stop ends the process.
func (p *process) stop() error {
	if err := p.Stop(stopTimeout); err != nil {
		return fmt.Errorf("%s: %w\n%s", p.path, err, p.stderr.Bytes())
	}
	return nil
}

// fetch makes a request over a connection of its own, and returns the body of an
// answer that is a success.
func fetch(r *http.Request) ([]byte, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	return body, err
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
