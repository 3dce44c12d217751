package lazyread

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// soon is far more than anything here takes.
const soon = 10 * time.Second

// counted is a connection that counts what it is asked.
type counted struct {
	net.Conn
	deadlines, watches atomic.Int64
}

func (c *counted) SetReadDeadline(t time.Time) error {
	c.deadlines.Add(1)
	return c.Conn.SetReadDeadline(t)
}

func (c *counted) Read(p []byte) (int, error) {
	if len(p) == 1 {
		c.watches.Add(1)
	}
	return c.Conn.Read(p)
}

func (c *counted) SyscallConn() (syscall.RawConn, error) { return c.Conn.(syscall.Conn).SyscallConn() }

// newPair is a Conn and its client, over TCP.
func newPair(t *testing.T) (*Conn, *counted, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = listener.Close() }()
	client, err := net.Dial("tcp", listener.Addr().String())
	must(t, err)
	conn, err := listener.Accept()
	must(t, err)
	inner := &counted{Conn: conn}
	c := New(inner)
	t.Cleanup(func() { _, _ = client.Close(), c.Close() })
	return c, inner, client
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await is the next of what comes by a channel.
func await[T any](t *testing.T, comes <-chan T) T {
	t.Helper()
	select {
	case next := <-comes:
		return next
	case <-time.After(time.Minute):
		t.Fatal("nothing comes")
		panic("unreachable")
	}
}

// eventually asks until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

type readResult struct {
	n   int
	err error
}

func read(c *Conn, p []byte) <-chan readResult {
	done := make(chan readResult, 1)
	go func() {
		n, err := c.Read(p)
		done <- readResult{n, err}
	}()
	return done
}

func TestADeadlineThatIsMovedBackIsTheOneThatCounts(t *testing.T) {
	t.Parallel()
	c, _, client := newPair(t)
	must(t, c.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	if _, err := c.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("nothing was sent in time, and Read gave %v", err)
	}
	must(t, c.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
	must(t, c.SetReadDeadline(time.Now().Add(time.Hour)))
	done := read(c, make([]byte, 10))
	time.Sleep(60 * time.Millisecond) // the earlier deadline passes while it is read
	if _, err := client.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if got := await(t, done); got.n != 4 || got.err != nil {
		t.Errorf("read %d bytes, %v", got.n, got.err)
	}
}

func TestADeadlineEndsTheReadThatIsUnderWay(t *testing.T) {
	t.Parallel()
	for name, deadline := range map[string]time.Time{"net/http's": time.Unix(1, 0), "a near one": time.Now().Add(100 * time.Millisecond)} {
		c, _, _ := newPair(t)
		must(t, c.SetReadDeadline(time.Now().Add(time.Hour)))
		done := read(c, make([]byte, 10))
		eventually(t, "the read has begun", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.reading
		})
		must(t, c.SetReadDeadline(deadline))
		if got := await(t, done); !errors.Is(got.err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, got.err)
		}
	}
}

func TestTheWatchIsDelayedUntilItsDeadline(t *testing.T) {
	t.Parallel()
	c, inner, _ := newPair(t)
	must(t, c.SetReadDeadline(time.Time{}))
	done := read(c, make([]byte, 1))
	must(t, c.SetReadDeadline(time.Unix(1, 0)))
	if got := await(t, done); !errors.Is(got.err, os.ErrDeadlineExceeded) {
		t.Errorf("the watch ended with %v", got.err)
	}
	// A watch that began its wait after the deadline was set is the other case, and ends the same way.
	must(t, c.SetReadDeadline(time.Time{}))
	done = read(c, make([]byte, 1))
	eventually(t, "the watch waits", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.waiting || inner.watches.Load() > 0
	})
	must(t, c.SetReadDeadline(time.Unix(1, 0)))
	if got := await(t, done); !errors.Is(got.err, os.ErrDeadlineExceeded) {
		t.Errorf("the watch ended with %v", got.err)
	}
}

func TestTheWatchOfASlowRequestReads(t *testing.T) {
	t.Parallel()
	c, _, client := newPair(t)
	done := read(c, make([]byte, 1))
	must(t, client.Close())
	if got := await(t, done); !errors.Is(got.err, io.EOF) {
		t.Errorf("the client left, and the watch ended with %v", got.err)
	}
}

func TestOneByteWithADeadlineIsNoWatch(t *testing.T) {
	t.Parallel()
	c, _, client := newPair(t)
	must(t, c.SetReadDeadline(time.Now().Add(time.Hour)))
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 1)
	if n, err := c.Read(p); n != 1 || err != nil || c.delay != nil {
		t.Errorf("%d bytes, %v; delayed: %v", n, err, c.delay != nil)
	}
}

func TestClosingEndsAWatchThatWaits(t *testing.T) {
	t.Parallel()
	c, _, _ := newPair(t)
	done := read(c, make([]byte, 1))
	must(t, c.Close())
	if got := await(t, done); !errors.Is(got.err, net.ErrClosed) {
		t.Errorf("the watch ended with %v", got.err)
	}
}

// A connection that net/http gives away is used without Read; a deadline that was not set yet has to be set by then.
func TestEveryDeadlineIsSetBeforeTheConnectionIsTakenOver(t *testing.T) {
	t.Parallel()
	c, inner, client := newPair(t)
	must(t, c.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, _ = c.Read(make([]byte, 1))
	must(t, c.SetDeadline(time.Time{}))
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	raw, err := inner.SyscallConn()
	must(t, err)
	if err := raw.Read(func(uintptr) bool { return true }); err != nil {
		t.Errorf("the connection cannot be used: %v", err)
	}
}

// The tests from here on fail when net/http reads in another way than now.

// serve serves one client's connection with net/http, and gives that client's end.
func serve(t *testing.T, handler http.Handler) (*counted, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	inner := make(chan *counted, 1)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: soon, ReadTimeout: soon, IdleTimeout: soon}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(&lazyListener{listener, inner}) }()
	client, err := net.Dial("tcp", listener.Addr().String())
	must(t, err)
	t.Cleanup(func() {
		_, _ = client.Close(), server.Close()
		_ = await(t, ended)
	})
	return await(t, inner), client
}

type lazyListener struct {
	net.Listener
	made chan *counted
}

func (l *lazyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &counted{Conn: conn}
	l.made <- c
	return New(c), nil
}

const request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

func answer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, "ok")
}

func TestQuickRequestsNeitherMoveDeadlinesNorWatch(t *testing.T) {
	t.Parallel()
	inner, client := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(time.Millisecond) // a batch is waited for, and net/http's watch begins
		_, _ = io.WriteString(w, "ok")
	}))
	answers := bufio.NewReader(client)
	const requests = 200
	for range requests {
		if _, err := io.WriteString(client, request); err != nil {
			t.Fatal(err)
		}
		expectOK(t, answers)
	}
	// On a slow machine a request may take as long as watchAfter.
	if n := inner.watches.Load(); n > requests/4 {
		t.Errorf("%d of %d quick requests were watched", n, requests)
	}
	if n := inner.deadlines.Load(); n > requests {
		t.Errorf("the deadline was moved %d times for %d quick requests", n, requests)
	}
}

func TestRequestsSentTogetherAreAllAnswered(t *testing.T) {
	t.Parallel()
	_, client := serve(t, http.HandlerFunc(answer))
	if _, err := io.WriteString(client, strings.Repeat(request, 20)); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(client)
	for range 20 {
		expectOK(t, answers)
	}
}

func TestAClientWhoLeavesASlowRequestIsNoticed(t *testing.T) {
	t.Parallel()
	began, left := make(chan struct{}), make(chan error, 1)
	_, client := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(began)
		select {
		case <-r.Context().Done():
			left <- r.Context().Err()
		case <-time.After(soon):
			left <- errors.New("nobody noticed")
		}
	}))
	if _, err := io.WriteString(client, request); err != nil {
		t.Fatal(err)
	}
	await(t, began)
	must(t, client.Close())
	if err := await(t, left); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func expectOK(t *testing.T, answers *bufio.Reader) {
	t.Helper()
	res, err := http.ReadResponse(answers, nil)
	must(t, err)
	body, err := io.ReadAll(res.Body)
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != http.StatusOK || string(body) != "ok" {
		t.Fatalf("%d %q", res.StatusCode, body)
	}
}
