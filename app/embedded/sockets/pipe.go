package sockets

import (
	"errors"
	"net"
	"os"

	"google.golang.org/grpc/test/bufconn"
)

// pipeSize is how many bytes a pipe holds in each direction.
const pipeSize = 64 << 10

// Pipe makes the two ends of a connection inside the process. As in a socket, and unlike in net.Pipe, what one end writes
// waits in a buffer: a server that answers a command before it reads the next would wait for ever for a client that reads only
// when it has written all of its commands.
func Pipe() (client, server net.Conn) {
	listener := bufconn.Listen(pipeSize)
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := listener.Accept() // fails only after a Close, which there is none of
		accepted <- c
	}()
	client, _ = listener.Dial() // as above
	return end{client}, end{<-accepted}
}

// end is one end of a pipe.
type end struct{ net.Conn }

func (e end) Read(b []byte) (int, error) {
	n, err := e.Conn.Read(b)
	return n, timedOut(err)
}

func (e end) Write(b []byte) (int, error) {
	n, err := e.Conn.Write(b)
	return n, timedOut(err)
}

// timedOut is the error by which clients know that a deadline has passed; bufconn has one of its own.
func timedOut(err error) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return os.ErrDeadlineExceeded
	}
	return err
}
