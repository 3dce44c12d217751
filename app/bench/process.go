package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// ReadyPrefix begins the line in which a process tells its address.
	ReadyPrefix = "Application is running on: "
	// startTime bounds a start; the first one on a machine may have to download a server.
	startTime = 3 * time.Minute
	// stopTime bounds an orderly stop.
	stopTime = 20 * time.Second
	// maxTail is how much of a process' complaints is kept.
	maxTail = 4 << 10
)

// Process is a running child process. It sees the end of its standard input when this process dies.
type Process struct {
	// URL is the address it has told.
	URL string
	// PID is its process id.
	PID int

	cmd    *exec.Cmd
	in     io.Closer
	ended  chan struct{}
	err    error
	stderr *tail
}

// StartProcess starts a program in a directory with exactly the given environment and returns when it has told its
// address in a line that begins with ReadyPrefix. When it ends before that, the error holds what it complained of.
func StartProcess(ctx context.Context, program string, args, env []string, dir string) (*Process, error) {
	p := &Process{ended: make(chan struct{}), stderr: &tail{}}
	p.cmd = exec.Command(program, args...) //nolint:noctx,gosec // it ends by Stop, which gives it time; the command line is our own
	p.cmd.Env, p.cmd.Dir, p.cmd.Stderr, p.cmd.SysProcAttr = env, dir, p.stderr, ownGroup()
	// A pipe of our own: the process reads nothing else, and sees its end when we are gone.
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", args, err)
	}
	ready, out := io.Pipe()
	p.in, p.cmd.Stdout = in, out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", args, err)
	}
	p.PID = p.cmd.Process.Pid
	told := make(chan string, 1)
	go watchOutput(ready, told)
	go func() {
		p.err = p.cmd.Wait()
		_ = out.Close()
		close(p.ended)
	}()
	return p, p.await(ctx, told)
}

func (p *Process) await(ctx context.Context, told <-chan string) error {
	timeout := time.NewTimer(startTime)
	defer timeout.Stop()
	var err error
	select {
	case p.URL = <-told:
		return nil
	case <-p.ended:
		err = errors.New("it ended")
	case <-timeout.C:
		err = fmt.Errorf("it was not ready after %v", startTime)
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = p.Stop()
	return fmt.Errorf("%s did not start: %w\n%s", strings.Join(p.cmd.Args[1:], " "), err, p.stderr)
}

// watchOutput reads everything, so that the process never waits for us, and tells the address once.
func watchOutput(r io.Reader, told chan<- string) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), ReadyPrefix); ok {
			select {
			case told <- strings.TrimSpace(url):
			default:
			}
		}
	}
	_, _ = io.Copy(io.Discard, r)
}

// Stop asks the process to end, and ends it when it takes too long. It may be called more than once.
func (p *Process) Stop() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	if p.cmd.Process.Signal(syscall.SIGTERM) != nil {
		_ = p.cmd.Process.Kill() // where there are no signals
	}
	_ = p.in.Close()
	timeout := time.NewTimer(stopTime)
	defer timeout.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timeout.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not stop within %v and was killed", strings.Join(p.cmd.Args[1:], " "), stopTime)
	}
}

// Complaints are the last lines the process wrote to its standard error.
func (p *Process) Complaints() string { return p.stderr.String() }

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if len(t.text) > maxTail {
		t.text = append(t.text[:0], t.text[len(t.text)-maxTail:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// CleanEnvironment is this process' environment without some variables: what a person has set for the product must
// not change what is measured.
func CleanEnvironment(without ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(without, name)
	})
}
