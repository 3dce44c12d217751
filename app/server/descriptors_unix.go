//go:build unix

package server

import "golang.org/x/sys/unix"

// Descriptors is how many this process may have open; 0 when that is not known. When the process started,
// the runtime raised the soft limit to the hard one, less one.
func Descriptors() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), 1<<30)) //nolint:unconvert // it is signed on some systems
}
