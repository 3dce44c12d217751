package app

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"flashsale/app/instance/instancetest"
)

// openTerminal makes a terminal: what a person sees and types, and what the program has.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	control, err := person.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var asked error
	err = control.Control(func(fd uintptr) {
		if asked = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); asked == nil {
			number, asked = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil || asked != nil {
		t.Fatal(err, asked)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return person, program
}

// serveInTerminal starts an instance that has a terminal of its own, and reads what it says.
func serveInTerminal(t *testing.T, p place) (*serving, *os.File) {
	t.Helper()
	person, program := openTerminal(t)
	s := p.serve(t, func(c *exec.Cmd) {
		c.Stdin, c.Stdout, c.Stderr = program, program, program
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	})
	_ = program.Close()
	go func() { _, _ = io.Copy(io.Discard, person) }()
	instancetest.Eventually(t, "the instance", s.answers)
	return s, person
}

// The terminal is closed: the kernel sends SIGHUP, and whatever is written to it fails.
func TestAClosedTerminalStopsAnInstanceInOrder(t *testing.T) {
	t.Parallel()
	needsSIGHUP(t)
	p := newPlace(t)
	s, person := serveInTerminal(t, p)
	s.buy(t, "john_doe")
	_ = person.Close()
	orderly(t, s, filepath.Join(p.dir, ".flashsale"))
}

// Ctrl-C goes to every process that has the terminal. The database is not one of them: it is needed while the instance drains.
func TestCtrlCStopsAnInstanceInOrder(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, person := serveInTerminal(t, p)
	s.buy(t, "john_doe")
	if _, err := person.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(p.dir, ".flashsale")
	orderly(t, s, data)
	_ = person.Close()
	log, err := os.ReadFile(filepath.Join(data, "postgres", "server.log"))
	if err != nil || bytes.Count(log, []byte("received fast shutdown request")) != 1 {
		t.Errorf("PostgreSQL heard more than the guardian (%v): %s", err, log)
	}
}

// While there is no owner, a start outside demo mode prints the link of the first one, to a person and nowhere else.
func TestAStartWithoutAnOwnerPrintsTheLinkInATerminal(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "DEMO=false")
	person, program := openTerminal(t)
	s := p.serve(t, func(c *exec.Cmd) {
		c.Stdin, c.Stdout, c.Stderr = program, program, program
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	})
	_ = program.Close()
	said := &sharedBuffer{}
	go func() { _, _ = io.Copy(said, person) }()
	address := strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	line := regexp.MustCompile(`Create the first owner: ` + address + `/invitations/[A-Za-z0-9_-]{22} \(30 minutes\)`)
	instancetest.Eventually(t, "the link", func() bool { return line.MatchString(said.String()) })
	if _, err := person.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if err := s.end(t); err != nil {
		t.Errorf("it ended with %v: %s", err, said)
	}
	_ = person.Close()
	// Its output is no terminal: what it prints may be kept, and read by others.
	s = p.serve(t)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.end(t); err != nil || strings.Contains(s.said.String(), "/invitations/") || !strings.Contains(s.said.String(), "flashsale admin invite") {
		t.Errorf("it ended with %v, and the log says %s", err, s.said)
	}
}

// sharedBuffer may be read while it is written.
type sharedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sharedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sharedBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
