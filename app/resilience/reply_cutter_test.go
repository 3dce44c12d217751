//go:build unix

package resilience

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// replyCutter is a proxy between the product and a server that loses replies: the server has carried out the request, and the
// product sees a broken connection. It recognizes the requests by their bytes.
type replyCutter struct {
	listener net.Listener
	server   string
	match    func(chunk []byte) bool // tells the requests whose replies may be lost
	every    atomic.Int64            // 0: none; else every so many of these requests lose their reply
	seen     atomic.Int64
	lost     atomic.Int64
	serving  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func newReplyCutter(t *testing.T, server string, match func(chunk []byte) bool) *replyCutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &replyCutter{listener: listener, server: server, match: match, conns: map[net.Conn]bool{}}
	c.serving.Go(c.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		c.mu.Lock()
		for conn := range c.conns {
			_ = conn.Close()
		}
		c.mu.Unlock()
		c.serving.Wait()
	})
	return c
}

func (c *replyCutter) address() string { return c.listener.Addr().String() }

func (c *replyCutter) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		c.mu.Lock()
		c.conns[client], c.conns[server] = true, true
		c.mu.Unlock()
		var cut atomic.Bool
		c.serving.Go(func() { c.forward(client, server, &cut) })
		c.serving.Go(func() { c.backward(client, server, &cut) })
	}
}

func (c *replyCutter) closeAll(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
		delete(c.conns, conn)
	}
}

func (c *replyCutter) forward(client, server net.Conn, cut *atomic.Bool) {
	defer c.closeAll(client, server)
	buffer := make([]byte, 256<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if every := c.every.Load(); every > 0 && c.match(buffer[:n]) && c.seen.Add(1)%every == 0 {
			cut.Store(true)
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// backward passes answers on. Once cut is set it drops the next one, which is the request's or one just before it, and closes
// both connections.
func (c *replyCutter) backward(client, server net.Conn, cut *atomic.Bool) {
	defer c.closeAll(client, server)
	buffer := make([]byte, 256<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if cut.Load() {
			c.lost.Add(1)
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// containing matches requests by a piece of their bytes.
func containing(piece string) func([]byte) bool {
	return func(chunk []byte) bool { return bytes.Contains(chunk, []byte(piece)) }
}

// producing matches Kafka's produce requests by the number of their kind, which follows their length.
func producing(chunk []byte) bool { return len(chunk) > 6 && chunk[4] == 0 && chunk[5] == 0 }
