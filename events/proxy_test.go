package events

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between a pool and Postgres and can lose the reply to a COMMIT: the server has committed, the program
// sees a broken connection.
type proxy struct {
	listener net.Listener
	server   string
	lose     atomic.Int32 // how many more replies to commits are to be lost
	lost     atomic.Int32
	serving  sync.WaitGroup
}

// newProxy returns the proxy and the database's address through it.
func newProxy(t *testing.T, database string) (*proxy, string) {
	t.Helper()
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, server: address.Host}
	p.serving.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.serving.Wait()
	})
	address.Host = listener.Addr().String()
	return p, address.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.serving.Go(func() { p.serve(client) })
	}
}

func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var muted atomic.Bool
	var back sync.WaitGroup
	back.Go(func() { p.backward(client, server, &muted) })
	p.forward(client, server, &muted)
	_ = server.Close()
	back.Wait()
}

func (p *proxy) forward(client, server net.Conn, muted *atomic.Bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if n > 0 {
			if commits(buffer[:n]) && p.lose.Add(-1) >= 0 {
				muted.Store(true)
			}
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// commits is true for a COMMIT as a statement of its own, and for the use (not the preparation) of a prepared one.
func commits(sent []byte) bool {
	name := sha256.Sum256([]byte(sqlCommit))
	return bytes.Contains(sent, []byte("Q\x00\x00\x00\x0bcommit\x00")) ||
		bytes.Contains(sent, []byte("\x00stmtcache_"+hex.EncodeToString(name[:24])+"\x00"))
}

// backward swallows the first answer after it was muted, which is the commit's, and hangs up.
func (p *proxy) backward(client, server net.Conn, muted *atomic.Bool) {
	defer func() { _ = client.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if n > 0 && muted.Load() {
			p.lost.Add(1)
			return
		}
		if n > 0 {
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// faults is a dialer whose connections can be made to hang.
type faults struct {
	mu     sync.Mutex
	silent bool
	conns  []net.Conn
}

// hang makes everything that is written vanish; the other side never hears of it.
func (f *faults) hang(yes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.silent = yes
}

// cut breaks every connection there is.
func (f *faults) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
}

func (f *faults) wrap(conn net.Conn) net.Conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, conn)
	return &faultyConn{Conn: conn, faults: f}
}

type faultyConn struct {
	net.Conn
	faults *faults
}

func (c *faultyConn) Write(b []byte) (int, error) {
	c.faults.mu.Lock()
	silent := c.faults.silent
	c.faults.mu.Unlock()
	if silent {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func TestProxyPassesEverythingElse(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	go func() {
		if conn, err := echo.Accept(); err == nil {
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	_, address := newProxy(t, "postgres://"+echo.Addr().String()+"/x")
	through, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", through.Host, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Errorf("got %q (%v)", got, err)
	}
}
