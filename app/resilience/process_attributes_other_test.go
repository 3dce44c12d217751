//go:build unix && !linux

package resilience

import "syscall"

// processAttributes starts a server in a process group of its own.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
