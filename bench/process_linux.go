package main

import "syscall"

// processAttributes has a child killed when the thread that started it ends,
// and keeps the terminal's Ctrl-C from it.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
