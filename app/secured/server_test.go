//go:build linux

package secured

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output keeps the last of what a process wrote.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf.Len() > 256<<10 {
		o.buf.Reset()
	}
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// server is one real server as a child process, which can be killed and started again on the same port and files.
type server struct {
	name, dir string
	args      []string
	env       []string // beside that of the tests
	as        *syscall.Credential
	ready     func(ctx context.Context) error
	log       *output
	cmd       *exec.Cmd
	exit      chan error
}

// start runs the server and returns when it answers. The test's end kills it, by its process id.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.launch(t)
	s.await(t)
}

func (s *server) launch(t *testing.T) {
	t.Helper()
	s.cmd, s.log = exec.Command(s.args[0], s.args[1:]...), &output{}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, s.log, s.log
	s.cmd.Env = append(append(os.Environ(), "HOME="+s.dir), s.env...) // libpq looks for certificates at HOME
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: s.as}
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	cmd, log, exit := s.cmd, s.log, make(chan error, 1)
	s.exit = exit
	go func() { exit <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		exit <- <-exit
		if t.Failed() {
			t.Logf("%s said:\n%.4000s", s.name, log)
		}
	})
}

func (s *server) await(t *testing.T) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(4 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case gone := <-s.exit:
			s.exit <- gone
			t.Fatalf("%s ended while starting: %v\n%s", s.name, gone, s.log)
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err = s.ready(ctx)
		cancel()
		if err == nil {
			return
		}
	}
	t.Fatalf("%s is not ready: %v\n%s", s.name, err, s.log)
}

// stop sends the signal and waits for the end, which is forced after 30 s.
func (s *server) stop(signal syscall.Signal) {
	_ = s.cmd.Process.Signal(signal)
	select {
	case err := <-s.exit:
		s.exit <- err
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		s.exit <- <-s.exit
	}
}

// ran runs a command to its end and returns what it printed.
func ran(t *testing.T, as *syscall.Credential, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: as}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// postgresUser runs PostgreSQL, which refuses to run as root: nil for the user of the tests.
func postgresUser(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	missing(t, err, "the user postgres")
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// missing skips a test whose server is not installed, and fails it where servers are promised.
func missing(t *testing.T, err error, what string) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is missing: %v", what, err)
	default:
		t.Skipf("%s is not installed (%v)", what, err)
	}
}

func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	missing(t, err, name)
	return path
}

// eventually waits for what is to become true, and returns how long that took.
func eventually(t *testing.T, patience time.Duration, what string, is func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began)
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Round(time.Millisecond)) }
