//go:build unix

package live

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// newPusher finds the way to write to a connection.
func newPusher(conn net.Conn) pusher {
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			return &direct{raw}
		}
	}
	return waitingPusher{conn}
}

// direct writes to the socket itself, which never waits.
type direct struct{ raw syscall.RawConn }

func (d *direct) push(b []byte) (n int, err error) {
	failed := d.raw.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), b)
		return true
	})
	n = max(n, 0)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		err = nil
	}
	return n, errors.Join(failed, err)
}

// hungUp takes what the client has sent, which means nothing on a stream, and finds the end if there is one.
func (d *direct) hungUp() bool {
	var n int
	var err error
	failed := d.raw.Read(func(fd uintptr) bool {
		var ignored [256]byte
		n, err = syscall.Read(int(fd), ignored[:])
		return true
	})
	if n == 0 && err == nil {
		err = io.EOF
	}
	return failed != nil || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
}
