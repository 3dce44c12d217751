package doctor

import (
	"context"
	"time"

	"flashsale/app/config"
	"flashsale/app/instance"
)

// examineMail connects to the mail server and signs in there. It sends nothing.
func (d *Doctor) examineMail(ctx context.Context) {
	switch {
	case d.cfg.SMTP == nil && d.cfg.MailDev:
		d.say(true, "%-11s none (MAIL_DEV): mails can be read at /dev/mail", "mail")
		return
	case d.cfg.SMTP == nil:
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	if err := instance.ProbeMail(ctx, d.cfg); err != nil {
		d.say(false, "%-11s %s: %s; correct SMTP_URL", "mail", d.cfg.SMTP.Address(), oneLine(config.HideSecrets(err.Error())))
		return
	}
	d.say(true, "%-11s %s, round trip %s", "mail", d.cfg.SMTP.Address(), time.Since(began).Round(10*time.Microsecond))
}
