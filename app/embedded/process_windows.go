package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// exe ends the names of programs.
const exe = ".exe"

// self is this program.
func self() (string, error) { return os.Executable() }

// detached keeps Ctrl-C in the console from the guardian and the server.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
}

// attributes: pg_ctl and initdb drop an administrator's rights by themselves.
func attributes(identity) *syscall.SysProcAttr { return detached() }

// namespaces of users are Linux' own.
func namespaces(context.Context, identity) bool { return false }

// owner is not needed here: nobody is root.
func owner(string) (uid, gid int, ok bool) { return 0, 0, false }

// server is a running postmaster, started by pg_ctl because the server itself refuses administrators.
type server struct{ process *os.Process }

// launch starts the server through pg_ctl and finds its process.
func launch(o order, log *os.File) (*server, error) {
	cmd := exec.Command(filepath.Join(o.Bin, "pg_ctl.exe"), "start", "-W", "-D", o.Data, "-o", quote(o.Args))
	cmd.Env = serverEnv(os.Environ())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = detached()
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		pid, ok := postmaster(o.Data)
		if !ok {
			continue
		}
		if p, err := os.FindProcess(pid); err == nil {
			return &server{p}, nil
		}
	}
	return nil, errors.New("pg_ctl started no server")
}

// quote makes one command line of arguments that contain spaces at most.
func quote(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = `"` + a + `"`
	}
	return strings.Join(quoted, " ")
}

func (s *server) pid() int { return s.process.Pid }

// wait returns when the server has ended, with how it did.
func (s *server) wait() string {
	state, err := s.process.Wait()
	if err != nil {
		return err.Error()
	}
	return state.String()
}

// shutdown asks the server for one of Postgres' kinds of shutdown; there are no signals for it here.
func shutdown(pid int, how shutdownKind, o order) error {
	if how == kill {
		p, err := os.FindProcess(pid)
		if err != nil {
			return err
		}
		return p.Kill()
	}
	cmd := exec.Command(filepath.Join(o.Bin, "pg_ctl.exe"), "stop", "-W", "-D", o.Data, "-m", string(how))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_ctl stop: %w: %s", err, out)
	}
	return nil
}

// alive reports whether there is a process of that number.
func alive(pid int) bool {
	const stillActive = 259
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return false
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var code uint32
	return windows.GetExitCodeProcess(h, &code) == nil && code == stillActive
}

// serves reports whether the process is a Postgres server; the data directory of another process cannot be asked for.
func serves(pid int, _ string) bool {
	out, err := exec.Command("tasklist", "/NH", "/FI", fmt.Sprintf("PID eq %d", pid)).Output()
	return err == nil && strings.Contains(strings.ToLower(string(out)), "postgres")
}

// syncDir has nothing to do: directories are not synced here.
func syncDir(string) error { return nil }
