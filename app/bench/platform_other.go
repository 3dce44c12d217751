//go:build !unix

package bench

import "syscall"

// maxDescriptors is 0, not known: such a system tells no limit.
func maxDescriptors() int { return 0 }

// childAttributes asks for nothing: these systems offer nothing of the kind.
func childAttributes() *syscall.SysProcAttr { return nil }
