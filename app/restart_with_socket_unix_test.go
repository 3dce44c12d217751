//go:build unix

package app

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// manager does for the program what systemd does for a service with Type=notify and a socket: it holds the socket, hands it to one
// process after the other, and hears what they say of themselves.
type manager struct {
	socket *os.File
	url    string
	notify string
	mu     sync.Mutex
	told   []string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{socket: socket, url: "http://" + l.Addr().String()}
	if err := l.Close(); err != nil { // the file stays
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "n") //nolint:usetesting // short: the path of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	m.notify = filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.notify, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 4096); ; {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.told = append(m.told, strings.TrimSpace(string(b[:n])))
			m.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_, _, _ = socket.Close(), conn.Close(), os.RemoveAll(dir)
		<-ended
	})
	return m
}

// handing is a change of a command: the shell in front gives the variable its own process id, which the program then has.
func (m *manager) handing(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	return func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$0" "$@"`, c.Path}, c.Args[1:]...)
		c.Path = shell
		c.ExtraFiles = []*os.File{m.socket}
		c.Env = append(c.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=flashsale.socket", "NOTIFY_SOCKET="+m.notify, "WATCHDOG_USEC=900000")
	}
}

func (m *manager) count(word string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, one := range m.told {
		if one == word || strings.HasPrefix(one, word+"\n") {
			n++
		}
	}
	return n
}

func (m *manager) await(t *testing.T, word string, times int) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); m.count(word) < times; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%s came %d times, not %d; it was told %q", word, m.count(word), times, m.told)
		}
	}
}

// visitors ask without a pause, until they are told to stop.
type visitors struct {
	stop     chan struct{}
	done     sync.WaitGroup
	answered atomic.Int64
	slowest  atomic.Int64
	mu       sync.Mutex
	failed   []string
}

// visit lets visitors come; odd ones keep their connections.
func visit(url string, n int) *visitors {
	v := &visitors{stop: make(chan struct{})}
	for i := range n {
		v.done.Go(func() {
			client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-v.stop:
					return
				default:
				}
				v.ask(client, url, i)
			}
		})
	}
	return v
}

func (v *visitors) ask(client *http.Client, url string, i int) {
	began := time.Now()
	res, err := client.Get(url + "/api/flash-sale/status")
	took := int64(time.Since(began))
	v.mu.Lock()
	defer v.mu.Unlock()
	v.slowest.Store(max(v.slowest.Load(), took))
	switch {
	case err != nil:
		v.failed = append(v.failed, "visitor "+strconv.Itoa(i)+": "+err.Error())
	case res.StatusCode != http.StatusOK:
		v.failed = append(v.failed, res.Status)
	default:
		v.answered.Add(1)
	}
	if err == nil {
		_ = res.Body.Close()
	}
}

// A restart of the only process on a host: whoever connects while there is none waits in the socket's queue.
func TestRestartWithASocketRefusesNobody(t *testing.T) {
	t.Parallel()
	m, p := newManager(t), newPlace(t)
	handing := m.handing(t)
	first := p.serve(t, handing)
	m.await(t, "READY=1", 1)
	m.await(t, "WATCHDOG=1", 3)
	v := visit(m.url, 8)
	time.Sleep(500 * time.Millisecond)
	before := v.answered.Load()
	if err := first.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.await(t, "STOPPING=1", 1)
	if err := first.end(t); err != nil {
		t.Fatalf("the first ended with %v: %s", err, first.said)
	}
	second := p.serve(t, handing)
	m.await(t, "READY=1", 2)
	between := v.answered.Load()
	time.Sleep(500 * time.Millisecond)
	close(v.stop)
	v.done.Wait()
	if before == 0 || v.answered.Load() == between {
		t.Errorf("%d answers before the restart, %d after it", before, v.answered.Load()-between)
	}
	if len(v.failed) > 0 {
		t.Errorf("%d visitors failed: %s", len(v.failed), strings.Join(v.failed, "; "))
	}
	t.Logf("%d answers, the slowest after %v", v.answered.Load(), time.Duration(v.slowest.Load()).Round(time.Millisecond))
	m.silentWhileFrozen(t, second)
}

// silentWhileFrozen checks what the watchdog is there for: a process that the system does not run any more sends nothing.
func (m *manager) silentWhileFrozen(t *testing.T, s *serving) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // what was on its way arrives
	alive := m.count("WATCHDOG=1")
	time.Sleep(900 * time.Millisecond)
	if late := m.count("WATCHDOG=1"); late != alive {
		t.Errorf("a frozen process sent %d signs of life", late-alive)
	}
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	m.await(t, "WATCHDOG=1", alive+2)
}

// Demo mode is for this machine alone, whoever opened the socket.
func TestHandedSocketForOthersIsRefusedInDemoMode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		listen func() (net.Listener, error)
		want   string
	}{
		"every address": {func() (net.Listener, error) { return net.Listen("tcp", "0.0.0.0:0") }, "in demo mode everybody who connects is an operator; set DEMO=false"},
		"unix":          {func() (net.Listener, error) { return net.Listen("unix", filepath.Join(t.TempDir(), "s")) }, "none that listens by TCP; the socket unit needs ListenStream= with a port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := c.listen()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			file, err := l.(interface{ File() (*os.File, error) }).File()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			m := &manager{socket: file}
			cmd := newPlace(t).command(t, "serve")
			m.handing(t)(cmd)
			cmd.Env = append(cmd.Env, "DEMO=true")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.want) {
				t.Errorf("it ended with %v and said %s", err, out)
			}
		})
	}
}
