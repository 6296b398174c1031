package childprocess

import (
	"cmp"
	"os/exec"
	"syscall"
)

// setAttributes puts a process into a group of its own, and has it get a signal
// when the thread that forked it ends. The kernel forgets that signal when a process
// changes its user; os/exec sets it after that.
func setAttributes(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = cmp.Or(cmd.SysProcAttr.Pdeathsig, syscall.SIGKILL)
}
