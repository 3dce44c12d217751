//go:build unix

package embedded

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// exe ends the names of programs.
const exe = ""

// detached puts the guardian into a session of its own: what a terminal sends to the program (Ctrl-C, hanging up) must
// not reach the database, which the program still needs while it drains.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// owner is who a file or directory belongs to.
func owner(path string) (uid, gid int, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(st.Uid), int(st.Gid), true
}

// server is a running postmaster, the guardian's child.
type server struct{ cmd *exec.Cmd }

// launch starts the server. The calling goroutine must be locked to its thread: the server is stopped soon after that
// thread ends.
func launch(o order, log *os.File) (*server, error) {
	args := append([]string{"-D", o.Data}, o.Args...)
	cmd := exec.Command(filepath.Join(o.Bin, "postgres"), args...) //nolint:noctx // the guardian asks it to stop, and waits
	cmd.Env = serverEnv(os.Environ())
	cmd.Dir = o.Data
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes(o.As)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &server{cmd}, nil
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// wait returns when the server has ended, with how it did.
func (s *server) wait() string {
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.String()
}

// shutdown asks the process for one of Postgres' kinds of shutdown.
func shutdown(pid int, how shutdownKind, _ order) error {
	sig := map[shutdownKind]syscall.Signal{
		fast:      syscall.SIGINT,
		immediate: syscall.SIGQUIT,
		kill:      syscall.SIGKILL,
	}[how]
	return syscall.Kill(pid, sig)
}

// alive reports whether there is a process of that number.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// syncDir makes a rename in the directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
