package embedded

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// self is this program, even when its file has been replaced or deleted since it was started.
func self() (string, error) { return "/proc/self/exe", nil }

// attributes start a process as i, away from the terminal, and have the kernel ask it to stop when the starting thread
// ends, in case the guardian itself is killed.
func attributes(i identity) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
	switch {
	case i.Namespace:
		a.Cloneflags = syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: i.UID, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: i.GID, HostID: os.Getegid(), Size: 1}}
	case i.UID != 0:
		a.Credential = &syscall.Credential{Uid: uint32(i.UID), Gid: uint32(i.GID)}
	}
	return a
}

// namespaces tries whether a process can be started as i in a user namespace. Containers often forbid it.
func namespaces(ctx context.Context, i identity) bool {
	i.Namespace = true
	path, err := exec.LookPath("true")
	if err != nil {
		return false
	}
	cmd := exec.CommandContext(ctx, path)
	cmd.SysProcAttr = attributes(i)
	return cmd.Run() == nil
}

// serves reports whether the process is a Postgres server on the data directory; false when it is gone or
// something else has got its number.
func serves(pid int, data string) bool {
	proc := "/proc/" + strconv.Itoa(pid)
	cwd, err := os.Readlink(filepath.Join(proc, "cwd"))
	if errors.Is(err, os.ErrPermission) {
		return true // another user's: Postgres decides
	}
	program, perr := os.Readlink(filepath.Join(proc, "exe"))
	at, aerr := os.Stat(cwd)
	want, werr := os.Stat(data)
	if errors.Join(err, perr, aerr, werr) != nil {
		return false
	}
	return strings.HasPrefix(filepath.Base(program), "postgres") && os.SameFile(at, want)
}
