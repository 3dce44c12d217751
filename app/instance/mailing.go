package instance

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/combine"
	"flashsale/app/config"
	"flashsale/app/web/session"
	pages "flashsale/app/web/shop"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/users/login/codes"
	"flashsale/users/mail"
	"flashsale/users/reminder"
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
	c.remembering(log, reg)
}

// remembering makes what keeps and sends reminders. In demo mode and without mail there are none, and old ones are still deleted.
func (c *wiring) remembering(log *slog.Logger, reg prometheus.Registerer) {
	cfg := reminder.Config{Accounts: c.users, Sales: c.announced, Processes: c.heartbeat.Live, Shop: c.cfg.PublicURL, Logger: log, Registerer: reg}
	if c.cfg.Mails() && !c.cfg.Demo {
		cfg.Mail = remindersTo{c.mails}
	}
	c.reminders = newReminders(reminder.New(c.servers.pool, cfg))
	c.parts.add("reminders", serving, c.reminders.Reminders)
	c.combiners["reminders"] = c.reminders.states
	observeCombiners(map[string]combining{"reminders": c.reminders.states}, reg)
}

// announced are the sales as reminders know them.
func (c *wiring) announced() []reminder.Sale {
	all := c.catalog.All()
	sales := make([]reminder.Sale, len(all))
	for i := range all {
		s := &all[i]
		sales[i] = reminder.Sale{
			ID: s.ID, Slug: s.Slug, Name: s.Product.Name, Starts: s.StartsAt, Now: s.Now,
			Announced: s.State == sale.Scheduled && !s.Archived && !s.Stale,
		}
	}
	return sales
}

// remindersOf finds how single reminders stand; all requests about the same start that wait share one query.
type remindersOf struct {
	*reminder.Reminders
	states *combine.Group[reminder.Start, int64, reminder.State]
}

func newReminders(r *reminder.Reminders) *remindersOf {
	return &remindersOf{r, combine.NewGroup(r.States, combine.Options{
		MaxBatch: 500, InFlight: 2, Queue: 5_000, Timeout: receiptTime, MaxWait: maxWait,
	})}
}

// State is how the reminder of an account stands.
func (r *remindersOf) State(ctx context.Context, of reminder.Start, account int64) (reminder.State, error) {
	state, err := r.states.Do(ctx, of, account)
	return state, saleError(err)
}

// askedReminders is nil when there are none.
func (c *wiring) askedReminders() pages.Reminders {
	if !c.reminders.On() {
		return nil
	}
	return c.reminders
}

// remindersTo translates the mails of package reminder, which knows no other package of users.
type remindersTo struct{ *mail.Sender }

// Send hides the Sender's.
func (m remindersTo) Send(one reminder.Mail) error {
	err := m.Sender.Send(mail.Message{To: one.To, Subject: one.Subject, Text: one.Text, Until: one.Until})
	if errors.Is(err, mail.ErrFull) {
		return reminder.ErrFull
	}
	return err
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
