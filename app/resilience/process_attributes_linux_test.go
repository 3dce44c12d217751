package resilience

import "syscall"

// belongings starts a server away from the terminal, and has the kernel end it should the tests be killed.
func belongings() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
