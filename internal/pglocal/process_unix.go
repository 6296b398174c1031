//go:build unix && !linux

package pglocal

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"syscall"
)

// processAttributes makes a process run as the account, when there is one, in
// a process group of its own.
func processAttributes(a *account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: credential(a)}
}

// commandLine returns the command line of a process, "" when there is no such process,
// and whether the result is known.
func commandLine(ctx context.Context, pid int) (string, bool) {
	output, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && (!failed || ctx.Err() != nil) {
		return "", false
	}
	return string(output), true
}
