//go:build unix

package sockets

import (
	"io/fs"
	"os"
	"syscall"
)

// closed reports whether nobody but its owner can enter the directory, and the owner is this user, or one to whom root
// has given it.
func closed(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().Perm() == private && (int(st.Uid) == os.Geteuid() || os.Geteuid() == 0)
}

// mine: a directory that root has given away still holds root's own lock.
func mine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func isSocket(mode fs.FileMode) bool { return mode&fs.ModeSocket != 0 }
