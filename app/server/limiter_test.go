package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// openLimiter listens with room for so many connections; idle ones that were quiet for that time may be closed for others.
func openLimiter(t *testing.T, limit int, idle time.Duration) (*Limiter, net.Listener) {
	t.Helper()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewLimiter(limit)
	l.idle = idle
	bounded := l.Listener(inner)
	t.Cleanup(func() { _ = bounded.Close() })
	return l, bounded
}

// visit connects to a listener.
func visit(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// accepted hands over what a listener accepts, until it is closed.
func accepted(l net.Listener) <-chan net.Conn {
	inside := make(chan net.Conn)
	go func() {
		defer close(inside)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			inside <- conn
		}
	}()
	return inside
}

// await is the next of what comes by a channel, such as the next connection that is accepted.
func await[T any](t *testing.T, comes <-chan T) T {
	t.Helper()
	select {
	case next := <-comes:
		return next
	case <-time.After(time.Minute):
		t.Fatal("no connection is accepted, nothing comes")
		panic("unreachable")
	}
}

func TestTheQuietestConnectionMakesRoom(t *testing.T) {
	t.Parallel()
	l, bounded := openLimiter(t, 3, time.Nanosecond)
	// The test accepts by itself, as Accept is what makes room.
	enter := func() net.Conn {
		visit(t, bounded)
		conn, err := bounded.Accept()
		if err != nil {
			t.Fatal(err)
		}
		l.ConnState(conn, http.StateIdle)
		return conn
	}
	var opened []net.Conn
	for range 3 {
		opened = append(opened, enter())
	}
	// The first one is written to once more, so the second one has been quiet for longest.
	if _, err := opened[0].Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	enter()
	if n := l.evicted.Load(); n != 1 {
		t.Errorf("%d were closed for one", n)
	}
	if _, err := opened[1].Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the quietest is still open: %v", err)
	}
	for _, i := range []int{0, 2} {
		if _, err := opened[i].Write([]byte("x")); err != nil {
			t.Errorf("connection %d was closed: %v", i, err)
		}
	}
}

func TestAConnectionThatIsServedIsNotClosed(t *testing.T) {
	t.Parallel()
	l, bounded := openLimiter(t, 2, time.Nanosecond)
	inside := accepted(bounded)
	visit(t, bounded)
	first := await(t, inside)
	visit(t, bounded)
	for _, conn := range []net.Conn{first, await(t, inside)} {
		l.ConnState(conn, http.StateActive)
	}
	visit(t, bounded)
	select {
	case <-inside:
		t.Fatal("a third one was accepted")
	case <-time.After(2 * evictEvery):
	}
	if n := l.evicted.Load(); n != 0 {
		t.Errorf("%d were closed", n)
	}
	if err := errors.Join(first.Close(), first.Close()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	await(t, inside)
	if n := len(l.places); n > 2 {
		t.Errorf("%d places are taken of 2", n)
	}
}

func TestAListenerThatClosesEndsTheWaitForAPlace(t *testing.T) {
	t.Parallel()
	_, bounded := openLimiter(t, 1, time.Hour)
	inside := accepted(bounded)
	visit(t, bounded)
	await(t, inside)
	visit(t, bounded)
	if err := bounded.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case _, open := <-inside:
		if open {
			t.Error("a connection was accepted after the end")
		}
	case <-ctx.Done():
		t.Error("still waits for a place")
	}
}

func TestTheLimitLeavesDescriptorsForTheServers(t *testing.T) {
	t.Parallel()
	for descriptors, want := range map[int]int{0: unlimited, 256: 128, 1_024: 512, 20_000: 19_000, 1 << 30: unlimited} {
		if got := LimitFor(descriptors); got != want {
			t.Errorf("with %d descriptors %d connections, want %d", descriptors, got, want)
		}
	}
}

func TestStreamsHaveAtMostHalfOfTheConnections(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int{1: 1, 3: 1, 10: 5, 19_000: 9_500, unlimited: unlimited / 2} {
		if got := NewLimiter(limit).StreamShare(); got != want {
			t.Errorf("of %d connections %d may be streams, want %d", limit, got, want)
		}
	}
}

func TestTooFewDescriptorsAreASentence(t *testing.T) {
	t.Parallel()
	for descriptors, enough := range map[int]bool{0: true, 20: false, leastDescriptors - 1: false, leastDescriptors: true, 1 << 30: true} {
		err := EnoughDescriptors(descriptors)
		if (err == nil) != enough || err != nil && !strings.Contains(err.Error(), "ulimit -n") {
			t.Errorf("with %d: %v", descriptors, err)
		}
	}
}

// Live updates are written to the socket itself; a connection that gets them is not quiet.
func TestAWriteToTheSocketItselfCounts(t *testing.T) {
	t.Parallel()
	_, bounded := openLimiter(t, 4, time.Minute)
	visit(t, bounded)
	g := await(t, accepted(bounded)).(*trackedConn)
	g.last.Store(0)
	raw, err := g.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Write(func(uintptr) bool { return true }); err != nil || g.last.Load() == 0 {
		t.Errorf("%v, last heard of at %d", err, g.last.Load())
	}
}

// A stop answers the request of a connection that was accepted before it, although the request comes after it.
func TestStopAnswersTheFirstRequestOfAnAcceptedConnection(t *testing.T) {
	t.Parallel()
	limiter, listener := openLimiter(t, 10, idleLongest)
	s := HTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s.ConnState = limiter.ConnState
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	conn := visit(t, listener)
	for limiter.Open() == 0 {
		time.Sleep(time.Millisecond)
	}
	CloseAll([]net.Listener{listener})
	time.AfterFunc(100*time.Millisecond, func() { _, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) })
	began := time.Now()
	limiter.Settle(5 * time.Second)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it waited %v", took)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	answer := make([]byte, 12)
	if n, err := conn.Read(answer); err != nil || string(answer[:n]) != "HTTP/1.1 204" {
		t.Errorf("%q, %v", answer[:n], err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

// A connection without a request, as browsers open ahead of need, does not hold up a stop for longer than that.
func TestSettlingEnds(t *testing.T) {
	t.Parallel()
	limiter, listener := openLimiter(t, 10, idleLongest)
	inside := accepted(listener)
	visit(t, listener)
	<-inside
	began := time.Now()
	limiter.Settle(50 * time.Millisecond)
	if took := time.Since(began); took < 50*time.Millisecond || took > 2*time.Second {
		t.Errorf("it waited %v", took)
	}
}
