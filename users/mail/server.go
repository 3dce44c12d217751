package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// Server is the SMTP server that takes the mails. It sees every code, so whoever has it can sign in as every shopper who uses
// codes; it is trusted like the database.
type Server struct {
	Host string
	Port int
	// User and Password sign in there. "": nobody does.
	User, Password string
	// Implicit speaks TLS from the first byte (smtps). Otherwise STARTTLS is demanded, except on this machine.
	Implicit bool
	// Roots are the authorities that may vouch for the server. Nil: those of this machine.
	Roots *x509.CertPool
}

// sendTime bounds each of the two steps of a delivery: connecting, and one mail.
const sendTime = 15 * time.Second

// policy says whether the connection has to become one with TLS.
func (s Server) policy() mail.TLSPolicy {
	switch {
	case s.Implicit, onThisMachine(s.Host):
		return mail.TLSOpportunistic
	default:
		return mail.TLSMandatory
	}
}

// auth is how to sign in. Without TLS the library finds no way by itself, and takes PLAIN on this machine only.
func (s Server) auth() mail.SMTPAuthType {
	if !s.Implicit && onThisMachine(s.Host) {
		return mail.SMTPAuthPlain
	}
	return mail.SMTPAuthAutoDiscover
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// connection is an open connection to the server, for one mail after another. It belongs to one goroutine.
type connection struct {
	client  *mail.Client
	session *smtp.Client
	raw     net.Conn
	from    string
}

func (s Server) connect(ctx context.Context, from string) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	c := &connection{from: from}
	options := []mail.Option{
		mail.WithPort(s.Port), mail.WithTimeout(sendTime), mail.WithTLSPolicy(s.policy()), mail.WithoutNoop(),
		mail.WithTLSConfig(s.tls()), mail.WithDialContextFunc(c.dial(s)),
	}
	if s.User != "" {
		options = append(options, mail.WithSMTPAuth(s.auth()), mail.WithUsername(s.User), mail.WithPassword(s.Password))
	}
	var err error
	if c.client, err = mail.NewClient(s.Host, options...); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, c.drop)
	defer stop()
	if c.session, err = c.client.DialToSMTPClientWithContext(ctx); err != nil {
		c.drop()
		return nil, err
	}
	return c, nil
}

func (s Server) tls() *tls.Config {
	return &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
}

// dial keeps the connection, because the library forgets it when the greeting fails.
func (c *connection) dial(s Server) mail.DialContextFunc {
	return func(ctx context.Context, network, address string) (raw net.Conn, err error) {
		dialer := &net.Dialer{}
		if s.Implicit {
			raw, err = (&tls.Dialer{NetDialer: dialer, Config: s.tls()}).DialContext(ctx, network, address)
		} else {
			raw, err = dialer.DialContext(ctx, network, address)
		}
		if err == nil {
			c.raw = raw
		}
		return raw, err
	}
}

// send delivers one mail. After an error the connection is of no further use.
func (c *connection) send(ctx context.Context, m Message) error {
	w, err := m.written(c.from)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, c.drop)
	defer stop()
	err = c.client.SendWithSMTPClient(c.session, w)
	if w.IsDelivered() {
		return nil
	}
	return err
}

// close says goodbye first.
func (c *connection) close() {
	_ = c.raw.SetDeadline(time.Now().Add(time.Second))
	_ = c.client.CloseWithSMTPClient(c.session)
	c.drop()
}

func (c *connection) drop() {
	if c.raw != nil {
		_ = c.raw.Close()
	}
}

// Probe connects to the server, signs in there and leaves.
func (s Server) Probe(ctx context.Context) error {
	c, err := s.connect(ctx, "")
	if err != nil {
		return reason(err)
	}
	c.close()
	return nil
}
