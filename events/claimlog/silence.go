package claimlog

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// silentTime bounds a read or a write of a connection that the library has given no deadline. It gives none while it sends
// credentials, so a broker that takes the connection and says nothing would hold the caller for ever.
const silentTime = 5 * time.Second

// dial connects to a broker.
func (l *Log) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dial := l.cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: time.Second, KeepAlive: 15 * time.Second}).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &boundedConn{Conn: conn}, nil
}

// boundedConn is a connection on which nothing waits for ever. The library reads only while it waits for an answer.
type boundedConn struct {
	net.Conn
	reading, writing atomic.Bool // there is a deadline
}

func (c *boundedConn) Read(p []byte) (int, error) {
	if !c.reading.Load() {
		if err := c.Conn.SetReadDeadline(time.Now().Add(silentTime)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

func (c *boundedConn) Write(p []byte) (int, error) {
	if !c.writing.Load() {
		if err := c.Conn.SetWriteDeadline(time.Now().Add(silentTime)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// SetDeadline replaces both deadlines.
func (c *boundedConn) SetDeadline(at time.Time) error {
	c.reading.Store(!at.IsZero())
	c.writing.Store(!at.IsZero())
	return c.Conn.SetDeadline(at)
}

// SetReadDeadline replaces the deadline of reads.
func (c *boundedConn) SetReadDeadline(at time.Time) error {
	c.reading.Store(!at.IsZero())
	return c.Conn.SetReadDeadline(at)
}

// SetWriteDeadline replaces the deadline of writes.
func (c *boundedConn) SetWriteDeadline(at time.Time) error {
	c.writing.Store(!at.IsZero())
	return c.Conn.SetWriteDeadline(at)
}
