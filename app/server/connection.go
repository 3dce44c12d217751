package server

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"flashsale/app/server/lazyread"
)

const (
	// writeWithin is how long a client may take to accept an answer, where the request sets no deadline for that.
	// writeAtLeast is what is left of it at each write.
	writeWithin  = 10 * time.Second
	writeAtLeast = writeWithin / 2
)

// trackedConn is a connection of a Limiter. It notes when it was last used, and bounds writes.
//
// The bound is a deadline that is moved only when too little of it is left: moving it for each answer takes a tenth of
// the time of a hot request. While a request has set a deadline of its own, that one counts.
type trackedConn struct {
	*lazyread.Conn
	limiter *Limiter
	last    atomic.Int64 // when the last byte went in or out, by the limiter's clock
	once    sync.Once    // for Close
	// idle is true while no request is under way on it.
	idle atomic.Bool
	// begun is true once a request has begun to come.
	begun atomic.Bool
	// Until writeBound (by the limiter's clock) the write deadline need not be moved. ownBound is true while the
	// request that is under way, or the code that took the connection over, has set one.
	writeBound atomic.Int64
	ownBound   atomic.Bool
}

func newTrackedConn(conn net.Conn, of *Limiter) *trackedConn {
	c := &trackedConn{Conn: lazyread.New(conn), limiter: of}
	c.used()
	return c
}

func (c *trackedConn) used() { c.last.Store(c.limiter.at(time.Now())) }

// Read notes that the client has sent something.
func (c *trackedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.used()
	}
	return n, err
}

// Write notes that the client was sent something.
func (c *trackedConn) Write(p []byte) (int, error) {
	now := time.Now()
	at := c.limiter.at(now)
	if !c.ownBound.Load() && at >= c.writeBound.Load() {
		_ = c.Conn.SetWriteDeadline(now.Add(writeWithin)) // a closed connection says so when it is written to
		c.writeBound.Store(at + int64(writeWithin-writeAtLeast))
	}
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.last.Store(at)
	}
	return n, err
}

// SetWriteDeadline bounds the writes of the request that is under way. No deadline gives the bound back to the connection: so net/http
// ends each request and the time of a TLS handshake. The connection's own bound stays as it is, or each answer would have to move it.
func (c *trackedConn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() && !c.ownBound.Load() && c.writeBound.Load() != 0 {
		return nil
	}
	c.ownBound.Store(!t.IsZero())
	c.writeBound.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline bounds reads and writes, also those that do not go through Read and Write.
func (c *trackedConn) SetDeadline(t time.Time) error {
	c.ownBound.Store(true)
	return c.Conn.SetDeadline(t)
}

// setState notes what net/http says of the connection. The deadlines of a request end with it.
func (c *trackedConn) setState(s http.ConnState) {
	idle := s == http.StateIdle || s == http.StateNew
	c.idle.Store(idle)
	if s == http.StateActive && !c.begun.Load() {
		c.begun.Store(true)
	}
	if idle && c.ownBound.Load() {
		c.writeBound.Store(0)
		c.ownBound.Store(false)
	}
}

// SyscallConn lets live updates be written without waiting.
func (c *trackedConn) SyscallConn() (syscall.RawConn, error) {
	inner := c.Conn.Conn
	if proxied, ok := inner.(interface{ Raw() net.Conn }); ok { // its PROXY header was read before anybody writes
		inner = proxied.Raw()
	}
	conn, ok := inner.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	raw, err := conn.SyscallConn()
	return trackedRawConn{raw, c}, err
}

// trackedRawConn notes that the client was sent something without a call of Write.
type trackedRawConn struct {
	syscall.RawConn
	conn *trackedConn
}

func (r trackedRawConn) Write(f func(fd uintptr) bool) error {
	r.conn.used()
	return r.RawConn.Write(f)
}

// Close gives the place back.
func (c *trackedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { c.limiter.forget(c) })
	return err
}
