// Package redis is the embedded Redis: miniredis, in this process, without a port. It is a cache here, whose contents go
// with the process.
//
// A panic inside miniredis ends the process and cannot be recovered from outside: an empty array is enough for one.
// Therefore it is reached by pipes inside the process, and by a Unix socket in a private directory for commands beside
// it, where each command's frame is looked at before miniredis sees it. The password is asked for on both.
package redis

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"flashsale/app/embedded/sockets"
)

// Address is what URLs say. Nothing listens there: clients need Dial.
const Address = "redis.embedded.invalid:6379"

// errClosed: the server has been closed.
var errClosed = errors.New("the embedded Redis is closed")

// Server is one Redis. Its methods may be called concurrently.
type Server struct {
	mini     *miniredis.Miniredis
	password string
	scripts  *scripts // since the first connection
	socket   *sockets.Listener

	mu     sync.Mutex
	closed bool

	stop   chan struct{} // closed by Close
	expiry sync.WaitGroup
}

// Start starts a server that is empty.
func Start() *Server {
	s := &Server{mini: miniredis.NewMiniRedis(), password: rand.Text(), stop: make(chan struct{})}
	s.mini.RequireAuth(s.password)
	s.expiry.Go(s.expire)
	return s
}

// Keys live up to leastExpiryPause longer than their time, or longer where looking at all of them is slow: it takes one part in
// expiryShare of the time at most.
const (
	leastExpiryPause = 50 * time.Millisecond
	expiryShare      = 50
)

// expire lets time pass for the keys, until Close. Left to itself, miniredis sorts all keys at every command of every script to
// see which have expired (ClockTTL), or lets none expire.
func (s *Server) expire() {
	passed := time.Now()
	timer := time.NewTimer(leastExpiryPause)
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-timer.C:
		}
		now := time.Now()
		s.mini.FastForward(now.Sub(passed))
		passed = now
		timer.Reset(max(leastExpiryPause, expiryShare*time.Since(now)))
	}
}

// URL carries the password, and the options that clients of miniredis need.
func (s *Server) URL() string {
	u := url.URL{Scheme: "redis", User: url.UserPassword("", s.password), Host: Address, RawQuery: "protocol=2&client_cache=0"}
	return u.String()
}

// Dial connects to the server by a pipe. Network and address are ignored.
func (s *Server) Dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed // miniredis would start again
	}
	if s.mini.Server() == nil { // it starts at its first connection
		first, err := s.mini.Dial()
		if err != nil {
			return nil, err
		}
		_ = first.Close()
		s.scripts = newScripts(s.mini, s.password)
	}
	client, server := sockets.Pipe()
	s.mini.Server().ServeConn(server)
	return client, nil
}

// Listen serves the Unix socket at the path too, until Close. It is called once at most.
func (s *Server) Listen(path string) (err error) {
	s.socket, err = sockets.Listen(path, s.serve)
	return err
}

// serve passes on what comes and goes over a connection from outside, until one side ends it.
func (s *Server) serve(outside net.Conn) {
	inside, err := s.Dial(context.Background(), "", "")
	if err != nil {
		return
	}
	var answering sync.WaitGroup
	answering.Go(func() {
		defer func() { _ = outside.Close() }()
		_, _ = bufio.NewReader(inside).WriteTo(outside)
	})
	passCommands(inside, outside)
	_ = inside.Close()
	answering.Wait()
}

// Close ends every connection.
func (s *Server) Close() error {
	var err error
	if s.socket != nil {
		err = s.socket.Close()
	}
	s.mu.Lock()
	if !s.closed {
		close(s.stop)
	}
	s.closed = true
	s.mu.Unlock()
	s.expiry.Wait()
	s.mini.Close()
	return err
}
