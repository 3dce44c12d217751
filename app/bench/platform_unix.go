//go:build unix && !linux

package bench

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// maxDescriptors is how many files and connections a process may have open, 0 when that is not known.
func maxDescriptors() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), 1<<30)) //nolint:unconvert // it is signed on some systems
}

// childAttributes asks for nothing: these systems do not all offer what Linux offers.
func childAttributes() *syscall.SysProcAttr { return nil }
