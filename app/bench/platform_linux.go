package bench

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// maxDescriptors is how many files and connections a process may have open, 0 when that is not known. The Go runtime
// raises the soft limit to the hard one at the start, in this process and in the measured ones.
func maxDescriptors() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<30))
}

// childAttributes puts a child process into a process group of its own. A terminal sends Ctrl-C to a whole group, and
// the child must go on until its last figures are read. The child also gets a signal to end when this process is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
