package app

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
	// sooner is by how much the write deadlines come earlier than they were asked for; writeBy is what was.
	sooner  time.Duration
	writeBy []time.Time
}

func (c *counted) SetWriteDeadline(t time.Time) error {
	c.writeBy = append(c.writeBy, t)
	return c.Conn.SetWriteDeadline(t.Add(-c.sooner))
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

// newPair is a guest and its client, over TCP.
func newPair(t *testing.T) (*guest, *counted, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	rooms := newLobby(1)
	rooms.places <- struct{}{}
	inner := &counted{Conn: conn}
	g := rooms.welcome(inner).(*guest)
	t.Cleanup(func() { _, _ = client.Close(), g.Close() })
	return g, inner, client
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type outOfRead struct {
	n   int
	err error
}

func readOf(g *guest, p []byte) <-chan outOfRead {
	done := make(chan outOfRead, 1)
	go func() {
		n, err := g.Read(p)
		done <- outOfRead{n, err}
	}()
	return done
}

func TestADeadlineThatIsMovedBackIsTheOneThatCounts(t *testing.T) {
	t.Parallel()
	g, _, client := newPair(t)
	must(t, g.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	if _, err := g.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("nothing was said in time, and Read gave %v", err)
	}
	must(t, g.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
	must(t, g.SetReadDeadline(time.Now().Add(time.Hour)))
	done := readOf(g, make([]byte, 10))
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
		g, _, _ := newPair(t)
		must(t, g.SetReadDeadline(time.Now().Add(time.Hour)))
		done := readOf(g, make([]byte, 10))
		eventually(t, "the read has begun", func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			return g.reading
		})
		must(t, g.SetReadDeadline(deadline))
		if got := await(t, done); !errors.Is(got.err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, got.err)
		}
	}
}

func TestTheWatchIsHeldBackUntilItsDeadline(t *testing.T) {
	t.Parallel()
	g, inner, _ := newPair(t)
	must(t, g.SetReadDeadline(time.Time{}))
	done := readOf(g, make([]byte, 1))
	must(t, g.SetReadDeadline(time.Unix(1, 0)))
	if got := await(t, done); !errors.Is(got.err, os.ErrDeadlineExceeded) {
		t.Errorf("the watch ended with %v", got.err)
	}
	// A watch that was slow to be held is the other case, and ends the same way.
	must(t, g.SetReadDeadline(time.Time{}))
	done = readOf(g, make([]byte, 1))
	eventually(t, "the watch is held", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.held || inner.watches.Load() > 0
	})
	must(t, g.SetReadDeadline(time.Unix(1, 0)))
	if got := await(t, done); !errors.Is(got.err, os.ErrDeadlineExceeded) {
		t.Errorf("the watch ended with %v", got.err)
	}
}

func TestTheWatchOfASlowRequestReads(t *testing.T) {
	t.Parallel()
	g, _, client := newPair(t)
	done := readOf(g, make([]byte, 1))
	must(t, client.Close())
	if got := await(t, done); !errors.Is(got.err, io.EOF) {
		t.Errorf("the client left, and the watch ended with %v", got.err)
	}
}

func TestOneByteWithADeadlineIsNoWatch(t *testing.T) {
	t.Parallel()
	g, _, client := newPair(t)
	must(t, g.SetReadDeadline(time.Now().Add(time.Hour)))
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 1)
	if n, err := g.Read(p); n != 1 || err != nil || g.enough != nil {
		t.Errorf("%d bytes, %v; held back: %v", n, err, g.enough != nil)
	}
}

func TestClosingEndsAWatchThatIsHeld(t *testing.T) {
	t.Parallel()
	g, _, _ := newPair(t)
	done := readOf(g, make([]byte, 1))
	must(t, g.Close())
	if got := await(t, done); !errors.Is(got.err, net.ErrClosed) {
		t.Errorf("the watch ended with %v", got.err)
	}
}

func TestWhoDoesNotReadTheAnswerIsLeft(t *testing.T) {
	t.Parallel()
	g, inner, _ := newPair(t)
	inner.sooner = writeWithin - 50*time.Millisecond
	much := make([]byte, 1<<20)
	var err error
	for tries := 0; err == nil && tries < 1000; tries++ { // until the buffers between the two are full
		_, err = g.Write(much)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the write ended with %v", err)
	}
}

func TestTheWriteDeadlineIsMovedBeforeItComes(t *testing.T) {
	t.Parallel()
	g, inner, _ := newPair(t)
	write := func(moved int, why string) {
		t.Helper()
		_, err := g.Write([]byte("x"))
		must(t, err)
		if len(inner.writeBy) != moved {
			t.Errorf("%s: the deadline was set %d times, want %d", why, len(inner.writeBy), moved)
		}
	}
	write(1, "the first")
	write(1, "the next, at once")
	if left := time.Duration(g.writeBound.Load() - g.lobby.at(time.Now())); left > writeWithin-writeAtLeast {
		t.Errorf("a write %v from now would have less than %v", left, writeAtLeast)
	}
	g.writeBound.Store(g.lobby.at(time.Now()) - 1)
	write(2, "when less than the least is left")
	must(t, g.SetWriteDeadline(time.Now().Add(time.Minute)))
	g.writeBound.Store(0)
	write(3, "in a request with a deadline of its own")
	g.is(http.StateActive)
	write(3, "still in it")
	g.is(http.StateIdle)
	write(4, "in the request after it")
	must(t, g.SetDeadline(time.Time{}))
	g.is(http.StateHijacked)
	write(5, "by whoever took the connection over")
}

// A connection that leaves net/http is used by ways around Read; whatever was put off has to be in place by then.
func TestNoDeadlineIsLeftBehindForThoseWhoTakeTheConnection(t *testing.T) {
	t.Parallel()
	g, _, client := newPair(t)
	must(t, g.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, _ = g.Read(make([]byte, 1))
	must(t, g.SetDeadline(time.Time{}))
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	raw, err := g.SyscallConn()
	must(t, err)
	if err := raw.Read(func(uintptr) bool { return true }); err != nil {
		t.Errorf("the connection cannot be used: %v", err)
	}
}

// serveGuests serves one client's connection as the product does, and gives that client's end.
func serveGuests(t *testing.T, handler http.Handler) (*counted, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	inner := make(chan *counted, 1)
	door := newLobby(4).in(&countedListener{listener, inner})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: soon, ReadTimeout: soon, IdleTimeout: soon}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(door) }()
	client, err := net.Dial("tcp", listener.Addr().String())
	must(t, err)
	t.Cleanup(func() {
		_, _ = client.Close(), server.Close()
		_ = await(t, ended)
	})
	return await(t, inner), client
}

type countedListener struct {
	net.Listener
	made chan *counted
}

func (l *countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &counted{Conn: conn}
	l.made <- c
	return c, nil
}

const aPress = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

func echoed(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, "ok")
}

func TestQuickRequestsNeitherMoveDeadlinesNorWatch(t *testing.T) {
	t.Parallel()
	inner, client := serveGuests(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(time.Millisecond) // a batch is waited for, and net/http's watch begins
		_, _ = io.WriteString(w, "ok")
	}))
	answers := bufio.NewReader(client)
	const requests = 200
	for range requests {
		if _, err := io.WriteString(client, aPress); err != nil {
			t.Fatal(err)
		}
		expectOK(t, answers)
	}
	// A request that this machine holds up for watchAfter is no quick one.
	if n := inner.watches.Load(); n > requests/4 {
		t.Errorf("%d of %d quick requests were watched", n, requests)
	}
	if n := inner.deadlines.Load(); n > requests {
		t.Errorf("the deadline was moved %d times for %d quick requests", n, requests)
	}
}

func TestRequestsSentTogetherAreAllAnswered(t *testing.T) {
	t.Parallel()
	_, client := serveGuests(t, http.HandlerFunc(echoed))
	if _, err := io.WriteString(client, strings.Repeat(aPress, 20)); err != nil {
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
	_, client := serveGuests(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(began)
		select {
		case <-r.Context().Done():
			left <- r.Context().Err()
		case <-time.After(soon):
			left <- errors.New("nobody noticed")
		}
	}))
	if _, err := io.WriteString(client, aPress); err != nil {
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
