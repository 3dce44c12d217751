package server

import (
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"
)

// earlyDeadlines is a connection whose write deadlines come earlier than they were asked for. It notes what was asked
// for.
type earlyDeadlines struct {
	net.Conn
	sooner  time.Duration
	writeBy []time.Time
}

func (c *earlyDeadlines) SetWriteDeadline(t time.Time) error {
	c.writeBy = append(c.writeBy, t)
	return c.Conn.SetWriteDeadline(t.Add(-c.sooner))
}

func (c *earlyDeadlines) SyscallConn() (syscall.RawConn, error) {
	return c.Conn.(syscall.Conn).SyscallConn()
}

// newPair is a tracked connection and its client, over TCP.
func newPair(t *testing.T) (*trackedConn, *earlyDeadlines) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = listener.Close() }()
	client, err := net.Dial("tcp", listener.Addr().String())
	must(t, err)
	conn, err := listener.Accept()
	must(t, err)
	limiter := NewLimiter(1)
	limiter.places <- struct{}{}
	inner := &earlyDeadlines{Conn: conn}
	c := limiter.track(inner).(*trackedConn)
	t.Cleanup(func() { _, _ = client.Close(), c.Close() })
	return c, inner
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAClientThatDoesNotReadTheAnswerIsCut(t *testing.T) {
	t.Parallel()
	c, inner := newPair(t)
	inner.sooner = writeWithin - 50*time.Millisecond
	much := make([]byte, 1<<20)
	var err error
	for tries := 0; err == nil && tries < 1000; tries++ { // until the buffers between the two are full
		_, err = c.Write(much)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the write ended with %v", err)
	}
}

func TestTheWriteDeadlineIsMovedBeforeItComes(t *testing.T) {
	t.Parallel()
	c, inner := newPair(t)
	write := func(moved int, why string) {
		t.Helper()
		_, err := c.Write([]byte("x"))
		must(t, err)
		if len(inner.writeBy) != moved {
			t.Errorf("%s: the deadline was set %d times, want %d", why, len(inner.writeBy), moved)
		}
	}
	write(1, "the first")
	write(1, "the next, at once")
	if left := time.Duration(c.writeBound.Load() - c.limiter.at(time.Now())); left > writeWithin-writeAtLeast {
		t.Errorf("a write %v from now has less than %v", left, writeAtLeast)
	}
	c.writeBound.Store(c.limiter.at(time.Now()) - 1)
	write(2, "when less than the least is left")
	must(t, c.SetWriteDeadline(time.Now().Add(time.Minute)))
	c.writeBound.Store(0)
	write(3, "in a request with a deadline of its own")
	c.setState(http.StateActive)
	write(3, "still in it")
	c.setState(http.StateIdle)
	write(4, "in the request after it")
	must(t, c.SetDeadline(time.Time{}))
	c.setState(http.StateHijacked)
	write(5, "by the code that took the connection over")
}

// notedListener hands out connections that note their write deadlines.
type notedListener struct {
	net.Listener
	accepted chan *earlyDeadlines
}

func (l *notedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	noted := &earlyDeadlines{Conn: conn}
	l.accepted <- noted
	return noted, nil
}

// net/http gives the write deadline back after each request. The connection's own one outlasts that, or each answer would have to move it.
func TestRequestsOnOneConnectionDoNotMoveTheWriteDeadline(t *testing.T) {
	t.Parallel()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	noted := &notedListener{inner, make(chan *earlyDeadlines, 1)}
	limiter := NewLimiter(10)
	s := HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" { // as a request with a deadline of its own
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Error(err)
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	s.ConnState = limiter.ConnState
	go func() { _ = s.Serve(limiter.Listener(noted)) }()
	t.Cleanup(func() { _ = s.Close() })
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	t.Cleanup(client.CloseIdleConnections)
	ask := func(path string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+inner.Addr().String()+path, nil)
		must(t, err)
		answer, err := client.Do(r)
		must(t, err)
		must(t, answer.Body.Close())
	}
	for range 20 {
		ask("/")
	}
	// A further request sets its own deadline, and net/http takes it back; the request after it has the connection's again.
	ask("/slow")
	ask("/")
	must(t, s.Shutdown(t.Context()))
	var set, none int
	for _, by := range (<-noted.accepted).writeBy {
		if by.IsZero() {
			none++
		} else {
			set++
		}
	}
	if set != 3 || none != 1 {
		t.Errorf("the write deadline was set %d times and taken away %d times, want 3 (the first answer, the slow one, the one after it) and 1", set, none)
	}
}

// The wall clock may be set at any time. Only the time since the last byte counts.
func TestTheTimeOfTheLastByteDoesNotDependOnTheWallClock(t *testing.T) {
	t.Parallel()
	began := time.Now()
	c, _ := newPair(t)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	// The limiter is younger than this test, so nothing in it has lasted for longer.
	most := int64(time.Since(began))
	if last, bound := c.last.Load(), c.writeBound.Load()-int64(writeWithin-writeAtLeast); last > most || bound > most {
		t.Errorf("used at %v, writes are bounded from %v on; the limiter is no older than %v",
			time.Duration(last), time.Duration(bound), time.Duration(most))
	}
}
