package instance

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/config"
	"flashsale/app/web/session"
	"flashsale/events"
	"flashsale/users/login/codes"
	"flashsale/users/mail"
)

// mailing makes what sends mails, and the codes that go by mail. Without SMTP_URL and MAIL_DEV codes are off.
func (c *wiring) mailing(log *slog.Logger, reg prometheus.Registerer) {
	to := mail.Config{From: c.cfg.MailFrom, Logger: log, Server: mailServer(c.cfg)}
	if c.cfg.MailDev {
		c.mailbox = new(mail.Mailbox)
		to.Mailbox = c.mailbox
	}
	c.mails = mail.NewSender(to)
	for _, metric := range c.mails.Collectors() {
		events.Register(reg, metric)
	}
	c.parts.add("mails", serving, c.mails)
	pool, cfg := c.servers.pool, codes.Config{Accounts: c.users, Roles: c.login, Shop: c.cfg.PublicURL, Logger: log}
	if c.cfg.Mails() {
		c.codes = codes.New(pool, mailsTo{c.mails}, cfg)
	} else {
		c.codes = codes.New(pool, nil, cfg)
	}
	c.parts.add("codes", serving, c.codes)
}

// mailServer is nil when none is configured.
func mailServer(cfg config.Config) *mail.Server {
	if cfg.SMTP == nil {
		return nil
	}
	return &mail.Server{Host: cfg.SMTP.Host, Port: cfg.SMTP.Port, User: cfg.SMTP.User, Password: cfg.SMTP.Password, Implicit: cfg.SMTP.Implicit}
}

// mailsTo translates the mails of package codes, which knows no other package of users.
type mailsTo struct{ *mail.Sender }

// Send hides the Sender's.
func (m mailsTo) Send(one codes.Mail) error {
	return m.Sender.Send(mail.Message{To: one.To, Subject: one.Subject, Text: one.Text, Private: one.Private, Until: one.Until})
}

// devMail is the mailbox of developers, and nil when there is none.
func (c *wiring) devMail() session.Mailbox {
	if c.mailbox == nil {
		return nil
	}
	return c.mailbox
}

// ProbeMail connects to the mail server, signs in there and leaves. It is for a configuration that has one.
func ProbeMail(ctx context.Context, cfg config.Config) error { return mailServer(cfg).Probe(ctx) }
