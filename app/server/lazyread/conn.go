// Package lazyread makes a server's connection cheaper for net/http to read from. It relies on how the net/http of the
// Go version in go.mod reads, which nothing promises. The tests fail when that changes, and the package can then be
// left out: every Conn may be replaced by the connection inside.
//
// What net/http does for each request on a connection that stays open, and what it costs:
//
//   - It moves the read deadline about six times (idle, header, body, none, past, idle). Each move is a change of a
//     timer in the runtime's poller.
//   - It starts a goroutine whose read of one byte notices that the client leaves (connReader.startBackgroundRead), and
//     ends that read with a deadline in the past (abortPendingRead).
//
// Both matter to slow requests only. Together they are about 6 % of the CPU of a request that is answered from memory.
//
// What this package relies on:
//
//  1. A read of exactly one byte while there is no read deadline is that watch. No other read of net/http is like it:
//     every server here has a ReadHeaderTimeout, a ReadTimeout and an IdleTimeout, so its other reads have a deadline.
//  2. A watch may be delayed. It ends when net/http sets any deadline, and it reads when the request has been under way
//     for watchAfter. Another read that is taken for a watch by mistake is only late.
//  3. net/http ends its watch with a deadline at or before the second 1 of the epoch.
//  4. A deadline that is moved to a later time may be set on the connection later, when the earlier one has come. One
//     that is moved to an earlier time, or that has come, has to act at once.
package lazyread

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// watchAfter is how long a request has to be under way before its connection is watched for a client that leaves.
const watchAfter = 100 * time.Millisecond

// Conn is a server's connection whose read deadlines are set late and whose watch begins late. Its methods may be
// called as those of any net.Conn: one reader, one writer, deadlines and Close from anywhere.
type Conn struct {
	net.Conn

	mu sync.Mutex
	// due is the read deadline that was asked for, armed the one the connection has; zero: none.
	due, armed time.Time
	// reading is true while a read of the connection is under way.
	reading bool
	closed  bool
	// A watch that does not read yet waits for one of the two: wake has a token when it must not wait any longer, and
	// delay has passed. Both are made for the first watch; waiting is true while one waits.
	wake    chan struct{}
	delay   *time.Timer
	waiting bool
}

// New takes over a connection that nobody has read from yet.
func New(conn net.Conn) *Conn { return &Conn{Conn: conn} }

// Read delays net/http's watch. When a deadline that is no longer the one that was asked for ends a read, it reads on.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 1 {
		c.delayWatch()
	}
	for {
		if err := c.beginRead(); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		if !c.endRead(n, err) {
			return n, err
		}
	}
}

// delayWatch delays a read that has no deadline, until it gets one, watchAfter has passed, or the connection is closed.
func (c *Conn) delayWatch() {
	if !c.beginWait() {
		return
	}
	select {
	case <-c.wake:
	case <-c.delay.C:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = false
	c.delay.Stop()
	select {
	case <-c.wake:
	default:
	}
}

// beginWait begins the wait. It is false when there is nothing to wait for.
func (c *Conn) beginWait() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || !c.due.IsZero() {
		return false
	}
	if c.delay == nil {
		c.wake, c.delay = make(chan struct{}, 1), time.NewTimer(watchAfter)
	} else {
		c.delay.Reset(watchAfter)
	}
	c.waiting = true
	return true
}

// endWait ends the wait of a watch. The caller holds the lock.
func (c *Conn) endWait() {
	if !c.waiting {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// beginRead gives the connection the deadline that is due, unless it has an earlier one.
func (c *Conn) beginRead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if past(c.due) {
		return os.ErrDeadlineExceeded
	}
	if c.due.IsZero() != c.armed.IsZero() || c.armed.After(c.due) || past(c.armed) {
		if err := c.arm(c.due); err != nil {
			return err
		}
	}
	c.reading = true
	return nil
}

// endRead is true when the read is to be made again: the deadline that ended it has been moved to a later time.
func (c *Conn) endRead(n int, err error) (again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !c.due.IsZero() && !time.Now().Before(c.due) {
		return false
	}
	return c.arm(c.due) == nil
}

// past is true for the deadline with which net/http ends a read at once.
func past(deadline time.Time) bool { return !deadline.IsZero() && deadline.Unix() <= 1 }

// SetReadDeadline bounds the reads that come and the one that is under way.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = t
	c.endWait()
	if c.reading {
		return c.arm(t)
	}
	return nil
}

// SetDeadline bounds reads and writes at once, also those that do not go through Read and Write.
func (c *Conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = t
	c.endWait()
	return errors.Join(c.arm(t), c.SetWriteDeadline(t))
}

// arm gives the connection its read deadline. The caller holds the lock.
func (c *Conn) arm(t time.Time) error {
	c.armed = t
	return c.Conn.SetReadDeadline(t)
}

// Close ends the connection, and the wait of a watch that is delayed.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.endWait()
	return err
}
