package app

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// watchAfter is how long a request has to be under way before its connection is watched for a client that leaves.
	watchAfter = 100 * time.Millisecond
	// writeWithin is how long a client may take to accept what it is sent, where the request has no time of its own for
	// that, and writeAtLeast what is left of it for each write.
	writeWithin  = 10 * time.Second
	writeAtLeast = writeWithin / 2
)

// guest is a connection of a lobby. It notes when it was last used, and spares net/http's reads what they cost without
// need. For each request net/http moves the read deadline six times, and watches, with a goroutine in a read of its own,
// whether the client leaves. Both matter to slow requests only:
//
//   - A deadline that is moved back is given to the connection when the earlier one has come. One that is moved forward, or
//     that has come, acts at once.
//   - The watch begins to read when the request has been under way for watchAfter. It is known by what no other read of
//     net/http has: a single byte is asked for and there is no deadline, since every server here has an IdleTimeout,
//     a ReadTimeout and a ReadHeaderTimeout. A read that were taken for it by mistake would only be late.
//
// Writes are bounded too, by a deadline that is moved now and then: moving it for each answer costs as much as a tenth of
// a hot request. While a request has set a deadline of its own, that one counts.
type guest struct {
	net.Conn
	lobby *lobby
	last  atomic.Int64 // when the last byte went in or out, by the lobby's clock
	gone  sync.Once
	// resting is true while no request is under way on it.
	resting atomic.Bool
	// writeBound is until when (by the lobby's clock) the write deadline need not be moved; ownBound is true while the request
	// that is under way, or whoever took the connection over, has set one.
	writeBound atomic.Int64
	ownBound   atomic.Bool

	mu sync.Mutex
	// due is the read deadline that was asked for, armed the one the connection has; zero: none.
	due, armed time.Time
	// reading is true while a read of the connection is under way.
	reading bool
	closed  bool
	// stirred wakes the watch that does not read yet, enough ends its wait. Made for the first one; held while one waits.
	stirred chan struct{}
	enough  *time.Timer
	held    bool
}

func newGuest(conn net.Conn, of *lobby) *guest {
	g := &guest{Conn: conn, lobby: of}
	g.spoke()
	return g
}

func (g *guest) spoke() { g.last.Store(g.lobby.at(time.Now())) }

// Read notes that the client has said something.
func (g *guest) Read(p []byte) (int, error) {
	if len(p) == 1 {
		g.holdWatch()
	}
	for {
		if err := g.beginRead(); err != nil {
			return 0, err
		}
		n, err := g.Conn.Read(p)
		if n > 0 {
			g.spoke()
		}
		if !g.endRead(n, err) {
			return n, err
		}
	}
}

// holdWatch holds a read back that has no deadline, until it gets one, has waited for long enough, or has no connection.
func (g *guest) holdWatch() {
	if !g.hold() {
		return
	}
	select {
	case <-g.stirred:
	case <-g.enough.C:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = false
	g.enough.Stop()
	select {
	case <-g.stirred:
	default:
	}
}

// hold begins the wait, if there is anything to wait for.
func (g *guest) hold() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || !g.due.IsZero() {
		return false
	}
	if g.enough == nil {
		g.stirred, g.enough = make(chan struct{}, 1), time.NewTimer(watchAfter)
	} else {
		g.enough.Reset(watchAfter)
	}
	g.held = true
	return true
}

// stir ends the wait of a watch. The caller holds the lock.
func (g *guest) stir() {
	if !g.held {
		return
	}
	select {
	case g.stirred <- struct{}{}:
	default:
	}
}

// beginRead gives the connection the deadline that is due, unless it has an earlier one.
func (g *guest) beginRead() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if past(g.due) {
		return os.ErrDeadlineExceeded
	}
	if g.due.IsZero() != g.armed.IsZero() || g.armed.After(g.due) || past(g.armed) {
		if err := g.arm(g.due); err != nil {
			return err
		}
	}
	g.reading = true
	return nil
}

// endRead is true when the read is to be made again: what ended it is a deadline that has been moved back since.
func (g *guest) endRead(n int, err error) (again bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reading = false
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !g.due.IsZero() && !time.Now().Before(g.due) {
		return false
	}
	return g.arm(g.due) == nil
}

// past is true for the deadline with which net/http ends a read at once.
func past(deadline time.Time) bool { return !deadline.IsZero() && deadline.Unix() <= 1 }

// SetReadDeadline bounds the reads that come and the one that is under way.
func (g *guest) SetReadDeadline(t time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.due = t
	g.stir()
	if g.reading {
		return g.arm(t)
	}
	return nil
}

// SetWriteDeadline bounds the writes of the request that is under way.
func (g *guest) SetWriteDeadline(t time.Time) error {
	g.ownBound.Store(true)
	return g.Conn.SetWriteDeadline(t)
}

// SetDeadline bounds reads and writes, those around Read and Write too.
func (g *guest) SetDeadline(t time.Time) error {
	g.ownBound.Store(true)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.due = t
	g.stir()
	return errors.Join(g.arm(t), g.Conn.SetWriteDeadline(t))
}

// arm gives the connection its deadline. The caller holds the lock.
func (g *guest) arm(t time.Time) error {
	g.armed = t
	return g.Conn.SetReadDeadline(t)
}

// Write notes that the client was told something.
func (g *guest) Write(p []byte) (int, error) {
	now := time.Now()
	at := g.lobby.at(now)
	if !g.ownBound.Load() && at >= g.writeBound.Load() {
		_ = g.Conn.SetWriteDeadline(now.Add(writeWithin)) // a closed connection says so when it is written to
		g.writeBound.Store(at + int64(writeWithin-writeAtLeast))
	}
	n, err := g.Conn.Write(p)
	if n > 0 {
		g.last.Store(at)
	}
	return n, err
}

// is takes in what net/http says of the connection. The deadlines of a request end with it.
func (g *guest) is(s http.ConnState) {
	resting := s == http.StateIdle || s == http.StateNew
	g.resting.Store(resting)
	if resting && g.ownBound.Load() {
		g.writeBound.Store(0)
		g.ownBound.Store(false)
	}
}

// SyscallConn lets live updates be written without waiting.
func (g *guest) SyscallConn() (syscall.RawConn, error) {
	conn, ok := g.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	raw, err := conn.SyscallConn()
	return told{raw, g}, err
}

// told notes that the client was told something by the way around Write.
type told struct {
	syscall.RawConn
	guest *guest
}

func (r told) Write(f func(fd uintptr) bool) error {
	r.guest.spoke()
	return r.RawConn.Write(f)
}

// Close gives the place back.
func (g *guest) Close() error {
	err := g.Conn.Close()
	g.gone.Do(func() {
		g.mu.Lock()
		g.closed = true
		g.stir()
		g.mu.Unlock()
		g.lobby.forget(g)
	})
	return err
}
