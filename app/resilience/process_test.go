//go:build unix

package resilience

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flashsale/app/embedded/embeddedtest"
)

// product is the product, built once for all tests.
var product = sync.OnceValues(func() (string, error) {
	dir, err := shared.folder("product")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "flashsale")
	out, err := exec.Command("go", "build", "-o", path, "flashsale").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func build(t *testing.T) string {
	t.Helper()
	path, err := product()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// process is one instance of the product as an operating system process.
type process struct {
	cmd  *exec.Cmd
	port int
	url  string
	ops  string // metrics and probes
	exit chan error
	log  *tail

	ready chan struct{} // closed when the process says that it is ready
}

// tail keeps the last of what a process wrote, and every line that shows a misunderstanding.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer

	line          []byte // as far as it is written
	misunderstood []string
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(p)
	if l.buf.Len() > 64<<10 {
		l.buf.Reset()
	}
	return l.buf.Write(p)
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := embeddedtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// launch starts the product with these settings only and waits until it says that it is ready.
func launch(t *testing.T, port int, env ...string) *process {
	t.Helper()
	p := spawn(t, build(t), port, env...)
	p.await(t)
	return p
}

// spawn starts a build of the product with these settings only.
func spawn(t *testing.T, program string, port int, env ...string) *process {
	t.Helper()
	return spawnBy(t, exec.Command(program, "serve"), port, env...)
}

// spawnBy is spawn with a command of its own.
func spawnBy(t *testing.T, cmd *exec.Cmd, port int, env ...string) *process {
	t.Helper()
	operators := freePort(t)
	p := &process{cmd: cmd, exit: make(chan error, 1), ready: make(chan struct{}), log: &tail{}, port: port,
		url: fmt.Sprintf("http://127.0.0.1:%d", port), ops: fmt.Sprintf("http://127.0.0.1:%d", operators)}
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DEMO=true", "HOST=127.0.0.1",
		fmt.Sprintf("PORT=%d", port), fmt.Sprintf("OPS_ADDR=127.0.0.1:%d", operators)}, env...)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "Application is running on:") {
				close(p.ready)
				_, _ = io.Copy(io.Discard, out)
			}
		}
	}()
	go func() {
		<-read
		p.exit <- p.cmd.Wait()
	}()
	return p
}

// await returns when the product says that it is ready.
func (p *process) await(t *testing.T) {
	t.Helper()
	select {
	case <-p.ready:
	case err := <-p.exit:
		p.exit <- err
		t.Fatalf("the product ended at its start: %v\n%s", err, p.log)
	case <-time.After(2 * time.Minute):
		t.Fatalf("the product did not become ready\n%s", p.log)
	}
}

// ended is true when the process is no more.
func (p *process) ended() bool {
	select {
	case err := <-p.exit:
		p.exit <- err
		return true
	default:
		return false
	}
}

// kill ends the process without a chance to do anything, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.exit <- <-p.exit
}

// stop asks the process to end and returns its exit error.
func (p *process) stop(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.exit:
		p.exit <- err
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
