package kafka

import (
	"context"
	"errors"
	"net"
	"sync"

	"flashsale/app/embedded/sockets"
)

// errClosed: the broker has been closed.
var errClosed = errors.New("the embedded Kafka is closed")

// network is the listener that kfake gets. Its connections come from this process and from the Unix socket.
type network struct {
	address string
	disk    *disk
	conns   chan net.Conn

	once   sync.Once
	closed chan struct{}
}

func newNetwork(address string, disk *disk) *network {
	return &network{address: address, disk: disk, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// listen is what kfake calls in place of net.Listen.
func (n *network) listen(string, string) (net.Listener, error) { return n, nil }

// dial makes a pipe to the broker.
func (n *network) dial(ctx context.Context) (net.Conn, error) {
	client, server := sockets.Pipe()
	if err := n.hand(ctx, newConn(server, n.disk)); err != nil {
		_ = client.Close()
		return nil, err
	}
	return client, nil
}

// serve hands a connection from outside to the broker and returns when it ends.
func (n *network) serve(outside net.Conn) {
	c := newConn(&wholeFrames{Conn: outside}, n.disk)
	if n.hand(context.Background(), c) == nil {
		<-c.ended
	}
}

// hand gives the broker a connection, or closes it.
func (n *network) hand(ctx context.Context, c *conn) error {
	err := n.disk.failure()
	if err == nil {
		select {
		case n.conns <- c:
			return nil
		case <-n.closed:
			err = errClosed
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return errors.Join(err, c.Close())
}

// Accept, Close and Addr make it a net.Listener.
func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, errClosed
	}
}

func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *network) Addr() net.Addr { return name(n.address) }

// name is the broker's address, as it tells it to clients.
type name string

func (name) Network() string  { return "embedded" }
func (n name) String() string { return string(n) }
