package mail

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink is an SMTP server that keeps what it is given.
type sink struct {
	server *smtp.Server
	at     Server

	mu          sync.Mutex
	refusals    []*smtp.SMTPError // answers to the next recipients
	got         []delivery
	connections int
	user        string
	block       chan struct{} // not nil: mails wait for its end
}

type delivery struct{ from, to, data string }

type sinkSession struct {
	*sink
	delivery
}

// newSink listens on 127.0.0.1. With TLS it offers STARTTLS, or speaks TLS at once.
func newSink(t *testing.T, encrypted, implicit bool) *sink {
	t.Helper()
	s := &sink{at: Server{Host: "127.0.0.1", Implicit: implicit}}
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.connections++
		return &sinkSession{sink: s}, nil
	}))
	s.server.Domain, s.server.AllowInsecureAuth, s.server.ErrorLog = "localhost", true, silent{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.at.Port = l.Addr().(*net.TCPAddr).Port
	if encrypted {
		s.server.TLSConfig, s.at.Roots = certificate(t)
	}
	if implicit {
		l = tls.NewListener(l, s.server.TLSConfig)
		s.server.TLSConfig = nil
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.server.Serve(l) }()
	t.Cleanup(func() {
		_ = s.server.Close()
		_ = l.Close() // Serve takes the listener only once it runs: a server that was closed before would serve for ever
		<-ended
	})
	return s
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

func (s *sinkSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *sinkSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "p4ssw0rd" {
			return &smtp.SMTPError{Code: 535, Message: "no such user " + user}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.user = user
		return nil
	}), nil
}

func (s *sinkSession) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
	if len(s.refusals) > 0 {
		next := s.refusals[0]
		s.refusals = s.refusals[1:]
		if next != nil {
			return next
		}
	}
	return nil
}

func (s *sinkSession) Data(r io.Reader) error {
	if s.block != nil {
		<-s.block
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = string(body)
	s.got = append(s.got, s.delivery)
	return nil
}

func (*sinkSession) Reset()        {}
func (*sinkSession) Logout() error { return nil }

// mails are what the sink has, once there are that many.
func (s *sink) mails(t *testing.T, n int) []delivery {
	t.Helper()
	var got []delivery
	eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		got = s.got
		return len(got) >= n
	})
	return got
}

func eventually(t *testing.T, come func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !come(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come true")
		}
	}
}

// running starts a sender that ends with the test.
func running(t *testing.T, cfg Config) *Sender {
	t.Helper()
	s := NewSender(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}
