package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// writePID writes a running process's ID, and its command on the next line, for endStale
// of a later run.
func writePID(file string, cmd *exec.Cmd) error {
	note := strconv.Itoa(cmd.Process.Pid) + "\n" + strings.Join(cmd.Args, " ") + "\n"
	return os.WriteFile(file, []byte(note), 0o600)
}

// endStale kills the process of an earlier run if it still runs the same command. Some
// systems let children outlive a killed parent; such a child would keep its port.
// Without ps, endStale does nothing.
func endStale(ctx context.Context, file string) error {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	number, command, _ := strings.Cut(strings.TrimSpace(string(content)), "\n")
	pid, err := strconv.Atoi(number)
	if err != nil {
		return os.Remove(file)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	running, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil || strings.TrimSpace(string(running)) != command {
		return os.Remove(file)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	if err := process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end process %d, which an earlier run left (%s): %w", pid, command, err)
	}
	return os.Remove(file)
}
