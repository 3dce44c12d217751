package bench

import "syscall"

// ownGroup keeps Ctrl-C, which a terminal sends to the whole group, from stopping the process before the meter has
// looked at it a last time, and lets the process end when this one is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
