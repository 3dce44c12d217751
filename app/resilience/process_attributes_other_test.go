//go:build unix && !linux

package resilience

import "syscall"

// belongings starts a server away from the terminal.
func belongings() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
