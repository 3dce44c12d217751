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
	// readyPrefix begins the line in which a process writes its address.
	readyPrefix = "Application is running on: "
	// startTime bounds a start; the first one on a machine may have to download a server.
	startTime = 3 * time.Minute
	// stopTime bounds an orderly stop.
	stopTime = 20 * time.Second
	// maxTail is how many bytes of a process' standard error are kept: the last ones.
	maxTail = 4 << 10
)

// Process is a running child process. Its standard input ends when the process that started it ends.
type Process struct {
	// URL is the address that it has written.
	URL string
	// PID is its process id.
	PID int

	cmd    *exec.Cmd
	in     io.Closer
	ended  chan struct{}
	stderr *tail
}

// StartProcess starts a program in a directory with exactly the given environment. It returns when the program has
// written its address, in a line that begins with "Application is running on: ". When the program ends before that, the
// error contains the end of its standard error.
func StartProcess(ctx context.Context, program string, args, env []string, dir string) (*Process, error) {
	p := &Process{ended: make(chan struct{}), stderr: &tail{}}
	p.cmd = exec.Command(program, args...) //nolint:noctx,gosec // Stop ends it and gives it time; the command line is our own
	p.cmd.Env, p.cmd.Dir, p.cmd.Stderr, p.cmd.SysProcAttr = env, dir, p.stderr, childAttributes()
	// Nothing is written to this pipe. Its end tells the process that this one has ended.
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
	address := make(chan string, 1)
	go readAddress(ready, address)
	go func() {
		_ = p.cmd.Wait() // the exit code is in ProcessState
		_ = out.Close()
		close(p.ended)
	}()
	return p, p.await(ctx, address)
}

func (p *Process) await(ctx context.Context, address <-chan string) error {
	timeout := time.NewTimer(startTime)
	defer timeout.Stop()
	var err error
	select {
	case p.URL = <-address:
		return nil
	case <-p.ended:
		err = errors.New("it ended: " + p.cmd.ProcessState.String())
	case <-timeout.C:
		err = fmt.Errorf("it was not ready after %v", startTime)
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = p.Stop()
	return fmt.Errorf("%s did not start: %w\n%s", strings.Join(p.cmd.Args[1:], " "), err, p.stderr)
}

// readAddress finds the address in the output and sends it once. It reads the output to its end, because a process waits
// when nobody reads what it writes.
func readAddress(r io.Reader, address chan<- string) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), readyPrefix); ok {
			select {
			case address <- strings.TrimSpace(url):
			default:
			}
		}
	}
	_, _ = io.Copy(io.Discard, r)
}

// Stop asks the process to end, and kills it when that takes too long. It may be called more than once.
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

// CleanEnvironment is this process' environment without the named variables, so that settings for the product that
// somebody has made do not change what is measured.
func CleanEnvironment(without ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(without, name)
	})
}
