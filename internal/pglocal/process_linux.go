package pglocal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"syscall"
)

// processAttributes makes a process run in a process group of its own, as the account
// if there is one, and shut down when the thread that started it ends. (The kernel
// clears the death signal when a process changes its user; os/exec sets it afterwards.)
func processAttributes(a *account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Setpgid:    true,
		Pdeathsig:  syscall.SIGINT, // To PostgreSQL: a fast shutdown.
		Credential: credential(a),
	}
}

// commandLine returns the command line of a process, "" when there is no such process,
// and whether the result is known.
func commandLine(_ context.Context, pid int) (string, bool) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "", os.IsNotExist(err)
	}
	return string(bytes.ReplaceAll(content, []byte{0}, []byte{' '})), true
}
