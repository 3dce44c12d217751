package live

import (
	"errors"
	"net"
	"os"
	"time"
)

// pusher writes to a connection without waiting for its reader.
type pusher interface {
	// push writes as much as there is room for now. An error means that the connection is of no more use.
	push(b []byte) (int, error)
	// hungUp reports whether the client has closed its side, where that can be told without waiting.
	hungUp() bool
}

// Writer is a stream that somebody else writes to its connection. Its methods are called by one goroutine and do not wait.
type Writer interface {
	// Push takes all of b, which nobody changes, or nothing while what it took before is not yet written.
	Push(b []byte) (int, error)
	// HungUp reports whether the client has left, or takes nothing any more.
	HungUp() bool
	// Close ends the stream once what was taken is written.
	Close() error
}

// writerPusher pushes to a Writer.
type writerPusher struct{ Writer }

func (p writerPusher) push(b []byte) (int, error) { return p.Push(b) }
func (p writerPusher) hungUp() bool               { return p.HungUp() }

// waitingPusher is for systems and connections that cannot tell how much they take: it waits, for a short time.
type waitingPusher struct{ conn net.Conn }

const patience = 20 * time.Millisecond

func (p waitingPusher) push(b []byte) (int, error) {
	_ = p.conn.SetWriteDeadline(time.Now().Add(patience))
	n, err := p.conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

func (waitingPusher) hungUp() bool { return false }
