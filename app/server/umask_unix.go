//go:build unix

package server

import "golang.org/x/sys/unix"

// OwnFiles lets this process use the files that it makes, whatever mask it was started with: only what the mask takes from
// others stays. It is called before anything else runs.
func OwnFiles() {
	const others, owner = 0o077, 0o700
	given := unix.Umask(others)
	unix.Umask(given &^ owner)
}
