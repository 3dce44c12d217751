package embeddedtest

import (
	"context"
	"io"
	"net"
	"sync"

	"flashsale/app/embedded"
)

// port passes connections to a port of 127.0.0.1 on to a server that has none.
type port struct {
	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]bool // nil once closed
	passing  sync.WaitGroup
}

func openPort() (*port, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &port{listener: l, open: make(map[net.Conn]bool)}, nil
}

func (p *port) address() string { return p.listener.Addr().String() }

func (p *port) serve(dial embedded.Dial) {
	p.passing.Go(func() {
		for {
			near, err := p.listener.Accept()
			if err != nil {
				return
			}
			p.passing.Go(func() { p.pass(near, dial) })
		}
	})
}

// pass copies both ways until one side ends.
func (p *port) pass(near net.Conn, dial embedded.Dial) {
	far, err := dial(context.Background(), "", "")
	if err != nil || !p.keep(near, far) {
		_ = near.Close()
		if far != nil {
			_ = far.Close()
		}
		return
	}
	defer p.drop(near, far)
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(near, far)
		_ = near.Close()
	})
	_, _ = io.Copy(far, near)
	_ = far.Close()
	back.Wait()
}

func (p *port) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.open == nil {
			return false
		}
		p.open[c] = true
	}
	return true
}

func (p *port) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.open, c)
	}
}

func (p *port) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for c := range p.open {
		_ = c.Close()
	}
	p.open = nil
	p.mu.Unlock()
	p.passing.Wait()
}
