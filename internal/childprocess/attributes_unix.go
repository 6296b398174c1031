//go:build unix && !linux

package childprocess

import (
	"os/exec"
	"syscall"
)

// setAttributes puts a process into a group of its own.
func setAttributes(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}
