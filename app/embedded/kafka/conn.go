package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
)

// conn is the broker's end of a connection. Read lets frames through that kfake can bear; Write, which kfake calls once
// for each answer, lets an answer through when the records it speaks of are on disk.
type conn struct {
	net.Conn
	disk  *disk
	once  sync.Once
	ended chan struct{} // closed with the connection

	// Of the one goroutine that reads.
	head   [headSize]byte
	unread []byte // of head
	rest   int    // bytes of the frame behind head that were not read yet

	mu    sync.Mutex
	asked []request // about records, the latest last
}

// mostAsked is more than kfake works on at a time for a connection: one request, and the next one read ahead. A request
// that wants no answer stays in the list until others replace it.
const mostAsked = 8

func newConn(c net.Conn, d *disk) *conn {
	return &conn{Conn: c, disk: d, ended: make(chan struct{})}
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.ended) })
	return c.Conn.Close()
}

func (c *conn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 && c.rest == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if len(c.unread) > 0 {
		n := copy(p, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.rest)])
	c.rest -= n
	return n, err
}

// next reads the head of a frame. The rest of it follows by Read.
func (c *conn) next() error {
	if _, err := io.ReadFull(c.Conn, c.head[:]); err != nil {
		return err
	}
	r, err := parseHead(c.head[:])
	if err != nil {
		return err
	}
	c.unread, c.rest = c.head[:], lengthSize+r.size-headSize
	if r.key == keyProduce || r.key == keyFetch {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.asked) == mostAsked {
			c.asked = slices.Delete(c.asked, 0, 1)
		}
		c.asked = append(c.asked, r)
	}
	return nil
}

// answered finds the request about records that the answer belongs to.
func (c *conn) answered(answer []byte) (request, bool) {
	if len(answer) < 2*lengthSize {
		return request{}, false
	}
	number := binary.BigEndian.Uint32(answer[lengthSize:])
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, r := range c.asked {
		if r.number == number {
			c.asked = slices.Delete(c.asked, 0, i+1)
			return r, true
		}
	}
	return request{}, false
}

func (c *conn) Write(answer []byte) (int, error) {
	if err := c.disk.failure(); err != nil {
		return 0, err
	}
	if r, ok := c.answered(answer); ok {
		parts, err := r.partitions(answer[2*lengthSize:])
		if err != nil {
			return 0, err
		}
		if err := c.disk.settle(parts); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(answer)
}

// wholeFrames lets a frame through when all of it is there. kfake makes room for a frame before its bytes come; thus
// a connection from outside that sends nothing but lengths costs nothing.
type wholeFrames struct {
	net.Conn
	frame bytes.Buffer
}

// largestKept is the room that a connection keeps for its next frame.
const largestKept = 1 << 20

func (w *wholeFrames) Read(p []byte) (int, error) {
	if w.frame.Len() == 0 {
		if w.frame.Cap() > largestKept {
			w.frame = bytes.Buffer{}
		}
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	return w.frame.Read(p)
}

func (w *wholeFrames) next() error {
	if _, err := io.CopyN(&w.frame, w.Conn, headSize); err != nil {
		return err
	}
	r, err := parseHead(w.frame.Bytes())
	if err != nil {
		return err
	}
	if _, err := io.CopyN(&w.frame, w.Conn, int64(lengthSize+r.size-headSize)); err != nil {
		return fmt.Errorf("a frame was cut off: %w", err)
	}
	return nil
}
