package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// most is how many connections a socket serves at a time. Commands beside a running instance open a handful each.
const most = 64

// acceptPause is the time between two tries to take a connection after one that failed.
const acceptPause = 100 * time.Millisecond

// Listener is a Unix socket that serves each connection in a goroutine of its own, until it is closed.
type Listener struct {
	listener net.Listener
	serve    func(net.Conn)

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once closed
	done  chan struct{}
	ended sync.WaitGroup
}

// Listen makes the socket, which belongs to its user only. A connection that serve returns from is closed; one beyond
// the limit is closed at once.
func Listen(path string, serve func(net.Conn)) (*Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on a Unix socket, which commands beside this process need: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("close the socket to others: %w", err), l.Close())
	}
	s := &Listener{listener: l, serve: serve, conns: make(map[net.Conn]struct{}), done: make(chan struct{})}
	s.ended.Go(s.accept)
	return s, nil
}

func (l *Listener) accept() {
	for {
		conn, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as no descriptor left, which passes
			select {
			case <-l.done:
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		if !l.add(conn) {
			_ = conn.Close()
			continue
		}
		l.ended.Go(func() {
			defer l.remove(conn)
			l.serve(conn)
		})
	}
}

func (l *Listener) add(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil || len(l.conns) >= most {
		return false
	}
	l.conns[conn] = struct{}{}
	return true
}

func (l *Listener) remove(conn net.Conn) {
	_ = conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
}

// Close ends the socket and its connections, and waits for those who serve them. It is called once.
func (l *Listener) Close() error {
	l.mu.Lock()
	for conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
	l.mu.Unlock()
	close(l.done)
	err := l.listener.Close()
	l.ended.Wait()
	return err
}
