//go:build unix && !linux

package embedded

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// self is this program.
func self() (string, error) { return os.Executable() }

// attributes start a process as i, away from the terminal.
func attributes(i identity) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if i.UID != 0 {
		a.Credential = &syscall.Credential{Uid: uint32(i.UID), Gid: uint32(i.GID)}
	}
	return a
}

// namespaces of users are Linux' own.
func namespaces(context.Context, identity) bool { return false }

// serves reports whether the process is a Postgres server on the data directory; false when it is gone or
// something else has got its number.
func serves(pid int, data string) bool {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), data)
}
