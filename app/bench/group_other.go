//go:build !linux

package bench

import "syscall"

// ownGroup has nothing to offer that all other systems know.
func ownGroup() *syscall.SysProcAttr { return nil }
