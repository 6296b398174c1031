//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestARouteEndsWithAllThatItHasStarted has a script wait for a program, as for ssh.
func TestARouteEndsWithAllThatItHasStarted(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	script, held := filepath.Join(folder, "route"), filepath.Join(folder, "held")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nsleep 1000 >\"$1\" &\nwait\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(held, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runRoute(ctx, []string{script, held}) }()
	reader, err := os.Open(held) // Once the program has it open.
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	cancel()
	if err := <-ended; err == nil {
		t.Error("the route has succeeded")
	}
	if err := reader.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(reader); err != nil {
		t.Errorf("what the route has started goes on: %v", err)
	}
}
