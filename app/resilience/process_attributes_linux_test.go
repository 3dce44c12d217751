package resilience

import "syscall"

// processAttributes starts a server in a process group of its own, and has the kernel end it when the tests are killed.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
