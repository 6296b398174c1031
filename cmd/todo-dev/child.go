package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	readyTimeout = time.Minute
	readyPoll    = 20 * time.Millisecond
)

// child is an HTTP server in a process of its own, running and ready.
type child struct {
	*process
	url     string
	pidFile string // Names the process while it runs.
}

// startChild launches a server and returns when readyPath answers with 200.
func startChild(ctx context.Context, name string, cmd *exec.Cmd, url, readyPath, pidFile string) (*child, error) {
	p, err := launch(name, cmd)
	if err != nil {
		return nil, err
	}
	c := &child{process: p, url: url, pidFile: pidFile}
	if err := errors.Join(writePID(pidFile, cmd), c.waitReady(ctx, url+readyPath)); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// waitReady returns when the URL answers with 200.
func (c *child) waitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for !ready(ctx, client, url) {
		select {
		case <-poll.C:
		case <-c.done:
			return c.wait()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", c.name, ctx.Err(), c.output.tail())
		}
	}
	return nil
}

// ready reports whether the URL answers with 200.
func ready(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

// stop drains and ends the server.
func (c *child) stop() error {
	err := c.process.stop()
	_ = os.Remove(c.pidFile) // Harmless if it stays.
	return err
}

// environment returns this process's environment, overridden by settings. It drops
// variables that would change a child's behaviour: PGOPTIONS and others affect database
// connections, BETTER_AUTH_SECRETS and others affect what Better Auth signs with.
func environment(settings ...string) []string {
	var all []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "BETTER_AUTH_") {
			all = append(all, variable)
		}
	}
	return append(all, settings...)
}
