package claimlog

import (
	"net"
	"sync"
)

// faults is a dialer whose connections can be made to hang.
type faults struct {
	mu     sync.Mutex
	silent bool
	conns  []net.Conn
}

// hang makes everything that is written vanish, so that the other side never gets it.
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
