package config

import (
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
)

// SMTP is the server that takes the mails.
type SMTP struct {
	Host           string
	Port           int
	User, Password string
	// Implicit is true for smtps: TLS from the first byte.
	Implicit bool
}

const wantSMTP = "an address like smtp://user:password@smtp.example.com:587 or smtps://...:465 (# / ? @ % in a password are written %23 %2F %3F %40 %25)"

// smtpServer reads an SMTP_URL. It is false for what is not understood.
func smtpServer(value string) (SMTP, bool) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || !cleanURL(value) || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return SMTP{}, false
	}
	s := SMTP{Host: u.Hostname(), Port: 587, Implicit: u.Scheme == "smtps", User: u.User.Username()}
	s.Password, _ = u.User.Password()
	if s.Implicit {
		s.Port = 465
	}
	if p := u.Port(); p != "" {
		if s.Port, err = strconv.Atoi(p); err != nil {
			return SMTP{}, false
		}
	}
	ok := validHost(s.Host) && s.Port > 0 && s.Port <= 65535 && (s.User == "") == (s.Password == "")
	return s, ok
}

// validSender takes an ASCII address, or a name and one in angle brackets.
func validSender(v string) bool {
	a, err := netmail.ParseAddress(v)
	return err == nil && strings.Contains(a.Address, "@") && strings.Trim(a.Address, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.@_+-") == ""
}

// publicURL is an origin without a slash at its end, because it is put before paths.
func (r *reader) publicURL() string {
	return strings.TrimSuffix(r.checked("PUBLIC_URL", "", "the address of the shop without a path, like https://shop.example", validOrigin), "/")
}

// mails: who reads mails in a browser can sign in as anybody, so that is for this machine; and a link in a mail must lead to
// the shop, which knows its address only by PUBLIC_URL when others than this machine use it.
func (c *Config) mails(r *reader) {
	c.PublicURL = r.publicURL()
	c.MailFrom = r.checked("MAIL_FROM", "", "an e-mail address, like shop@example.com or The shop <shop@example.com>", validSender)
	c.MailDev = r.boolean("MAIL_DEV", false)
	if c.MailDev && !c.loopbackOnly() {
		r.refuse("MAIL_DEV", "true", "false while HOST is not a loopback address, because everybody who connects could read the mails; set HOST=127.0.0.1")
	}
	value, set := r.value("SMTP_URL")
	if !set {
		return
	}
	server, ok := smtpServer(value)
	switch {
	case !ok:
		r.fail("SMTP_URL", value, wantSMTP)
	case c.MailFrom == "":
		r.refuse("SMTP_URL", "set without a sender", "set together with MAIL_FROM, the address that the mails come from")
	case c.PublicURL == "" && !c.loopbackOnly():
		r.refuse("SMTP_URL", "set while HOST is not a loopback address", "set together with PUBLIC_URL, the address of the shop, like https://shop.example, because mails carry links")
	}
	c.SMTP = &server
}

// Mails is true when mails can be sent or read.
func (c Config) Mails() bool { return c.SMTP != nil || c.MailDev }

// Address is where the server is.
func (s SMTP) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }
