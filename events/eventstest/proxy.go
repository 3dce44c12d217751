package eventstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Proxy stands between a pool and Postgres and can lose the reply to a COMMIT: the server has committed, the program
// sees a broken connection.
type Proxy struct {
	ctx      context.Context // the test's
	listener net.Listener
	network  string
	server   string
	// Lose is how many more replies to commits are to be lost, Lost how many were.
	Lose, Lost atomic.Int32
	serving    sync.WaitGroup
}

// NewProxy returns the proxy and the database's address through it.
func NewProxy(t *testing.T, database string) (*Proxy, string) {
	t.Helper()
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgconn.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{ctx: t.Context(), listener: listener}
	p.network, p.server = pgconn.NetworkAddress(config.Host, config.Port)
	p.serving.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.serving.Wait()
	})
	address.Host = listener.Addr().String()
	q := address.Query()
	q.Del("host") // of the server's socket
	q.Del("port")
	address.RawQuery = q.Encode()
	return p, address.String()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.serving.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := new(net.Dialer).DialContext(p.ctx, p.network, p.server)
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

func (p *Proxy) forward(client, server net.Conn, muted *atomic.Bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if n > 0 {
			if commits(buffer[:n]) && p.Lose.Add(-1) >= 0 {
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
	name := sha256.Sum256([]byte("commit"))
	return bytes.Contains(sent, []byte("Q\x00\x00\x00\x0bcommit\x00")) ||
		bytes.Contains(sent, []byte("\x00stmtcache_"+hex.EncodeToString(name[:24])+"\x00"))
}

// backward drops the first answer after it was muted, which is the commit's, and closes the connection.
func (p *Proxy) backward(client, server net.Conn, muted *atomic.Bool) {
	defer func() { _ = client.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if n > 0 && muted.Load() {
			p.Lost.Add(1)
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
