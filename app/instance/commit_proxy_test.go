package instance

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// breakage is what a commitProxy does to the commit of a transaction.
type breakage int

const (
	unbroken    breakage = iota
	beforeSent           // the commit never reaches the server
	answerLost           // the server has committed, and its answer is lost
	thenAway             // the answer arrives, and then nobody can reach the server
	lostAndAway          // the answer is lost, and then nobody can reach the server
)

// commitProxy is a proxy between the product and Postgres. It breaks the commit of a transaction whose statements contain a
// given text, the mark.
type commitProxy struct {
	listener net.Listener
	network  string // of target
	target   string

	mu    sync.Mutex
	how   breakage
	mark  []byte
	hit   bool
	away  bool
	ice   chan struct{} // closed when the server goes on; nil: it was not stopped
	open  map[net.Conn]bool
	pipes sync.WaitGroup
}

// through puts a proxy before the deployment's Postgres.
func through(t *testing.T, d *deployment) *commitProxy {
	t.Helper()
	u, err := url.Parse(d.Servers.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := pgconn.ParseConfig(d.Servers.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	p := &commitProxy{listener: l, open: map[net.Conn]bool{}}
	p.network, p.target = pgconn.NetworkAddress(server.Host, server.Port)
	u.Host = l.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable") // the proxy reads what passes
	q.Del("host")               // of the server's socket
	q.Del("port")
	u.RawQuery = q.Encode()
	d.Servers.DatabaseURL = u.String()
	p.pipes.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.thaw()
		p.mu.Lock()
		p.cut()
		p.mu.Unlock()
		p.pipes.Wait()
	})
	return p
}

// at breaks the next transaction that says mark.
func (p *commitProxy) at(mark string, how breakage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.how, p.mark, p.hit = how, []byte(mark), false
}

// back lets everybody reach the server again, and tells whether a commit was met.
func (p *commitProxy) back() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away, p.how = false, unbroken
	return p.hit
}

// freeze makes the server one whose process is stopped: it takes connections, and nothing that is said to it or by it arrives until thaw.
func (p *commitProxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ice == nil {
		p.ice = make(chan struct{})
	}
}

func (p *commitProxy) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ice != nil {
		close(p.ice)
		p.ice = nil
	}
}

// goesOn waits while the server is stopped.
func (p *commitProxy) goesOn() {
	p.mu.Lock()
	ice := p.ice
	p.mu.Unlock()
	if ice != nil {
		<-ice
	}
}

func (p *commitProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		away := p.away
		p.open[client], p.open[server] = true, true
		p.mu.Unlock()
		if away {
			p.close(client, server)
			continue
		}
		s := &proxied{commitProxy: p, client: client, server: server}
		p.pipes.Go(s.ask)
		p.pipes.Go(s.answer)
	}
}

func (p *commitProxy) close(all ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range all {
		delete(p.open, c)
		_ = c.Close()
	}
}

// cut ends every connection. The caller has locked mu.
func (p *commitProxy) cut() {
	for c := range p.open {
		_ = c.Close()
	}
	clear(p.open)
}

// proxied is one connection through the proxy. Its fields are guarded by mu.
type proxied struct {
	*commitProxy
	client, server net.Conn
	marked         bool
	committing     breakage
}

func (s *proxied) ask() {
	defer s.close(s.client, s.server)
	buf := make([]byte, 64<<10)
	for {
		n, err := s.client.Read(buf)
		s.goesOn()
		if err != nil || !s.mayPass(buf[:n]) {
			return
		}
		if _, err := s.server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// mayPass is false when bytes of the server must not be passed on.
func (s *proxied) mayPass(said []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.how == unbroken {
		return true
	}
	s.marked = s.marked || bytes.Contains(said, s.mark)
	if !s.marked || !bytes.Contains(said, []byte("\x0bcommit\x00")) {
		return true
	}
	s.committing, s.how, s.hit = s.how, unbroken, true
	return s.committing != beforeSent
}

func (s *proxied) answer() {
	defer s.close(s.client, s.server)
	buf := make([]byte, 64<<10)
	for {
		n, err := s.server.Read(buf)
		s.goesOn()
		if err != nil {
			return
		}
		s.mu.Lock()
		how := s.committing
		s.mu.Unlock()
		if how != answerLost && how != lostAndAway {
			if _, err := s.client.Write(buf[:n]); err != nil {
				return
			}
		}
		if how == unbroken {
			continue
		}
		if how != answerLost {
			s.mu.Lock()
			s.away = true
			s.cut()
			s.mu.Unlock()
		}
		return
	}
}
