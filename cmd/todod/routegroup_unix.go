//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// inGroup has a command end with all that it has started when its context ends: an ssh that is
// left would hold locks of the balancers' commands.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
