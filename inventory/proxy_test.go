package inventory_test

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"flashsale/app/embedded/embeddedtest"
)

// proxy is between a client and a server, and fails as the test asks.
type proxy struct {
	target string

	mu       sync.Mutex
	listener net.Listener
	address  string
	conns    map[net.Conn]bool
	delay    time.Duration
	silent   chan struct{} // not nil while nothing passes; closed when it does again
	work     sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	port, err := embeddedtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: target, address: fmt.Sprintf("127.0.0.1:%d", port), conns: map[net.Conn]bool{}}
	p.open(t)
	t.Cleanup(func() {
		p.resume()
		p.refuse()
		p.work.Wait()
	})
	return p
}

// open accepts connections, at the same address as before.
func (p *proxy) open(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener, p.address = listener, listener.Addr().String()
	p.work.Go(func() { p.accept(listener) })
}

// refuse closes everything: the next dial is refused.
func (p *proxy) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.listener.Close()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// silence keeps the connections and accepts new ones, but lets nothing pass.
func (p *proxy) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = make(chan struct{})
}

// resume lets what was kept back, and everything after it, pass.
func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent != nil {
		close(p.silent)
		p.silent = nil
	}
}

// slow delays everything that passes, each way.
func (p *proxy) slow(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

func (p *proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.work.Go(func() { p.pass(client, server) })
		p.work.Go(func() { p.pass(server, client) })
	}
}

func (p *proxy) pass(from, to net.Conn) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		silent, delay := p.silent, p.delay
		p.mu.Unlock()
		if silent != nil {
			<-silent
		}
		time.Sleep(delay)
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
