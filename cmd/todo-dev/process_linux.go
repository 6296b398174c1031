package main

import "syscall"

// processAttributes puts a process into a group of its own and has it killed
// when the thread that started it ends.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
