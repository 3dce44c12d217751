package doctor

import (
	"context"
	"fmt"
	"time"

	"flashsale/app/acme"
	"flashsale/app/instance"
	"flashsale/app/server"
)

// renewalTime is less than what is left when a certificate is usually renewed, and enough to do it by hand.
const renewalTime = 14 * 24 * time.Hour

// examineCertificate looks at the certificates of the public listener, if this environment has some.
func (d *Doctor) examineCertificate(ctx context.Context) {
	switch {
	case d.cfg.ACME != nil:
		d.examineOrders(ctx)
	case d.cfg.TLS():
		end, err := server.CertificateEnd(d.cfg.TLSCert, d.cfg.TLSKey)
		if err != nil {
			d.say(false, "%-11s %s", "certificate", oneLine(err.Error()))
			return
		}
		d.sayEnd("TLS_CERT", end, renewalTime, "renew it")
	}
}

// sayEnd says when the certificate of something ends, and what to do when less is left than there should be.
func (d *Doctor) sayEnd(of string, end time.Time, enough time.Duration, remedy string) {
	at, left := end.UTC().Format("2006-01-02 15:04 MST"), time.Until(end)
	switch {
	case left <= 0:
		d.say(false, "%-11s of %s ended at %s, and browsers refuse it; %s", "certificate", of, at, remedy)
	case left < enough:
		d.warn("%-11s of %s ends at %s, in %d days; %s", "certificate", of, at, int(left.Hours()/24), remedy)
	default:
		d.say(true, "%-11s of %s ends at %s, in %d days", "certificate", of, at, int(left.Hours()/24))
	}
}

// examineOrders reads what a running instance keeps of the certificates that it orders. The doctor orders none.
func (d *Doctor) examineOrders(ctx context.Context) {
	if d.pool == nil {
		d.say(false, "%-11s by ACME: unknown, they are kept in PostgreSQL", "certificate")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := acme.Look(ctx, instance.CertificateStore(d.cfg, d.pool), d.cfg.ACME.CA, d.cfg.ACME.Hosts)
	if err != nil {
		d.say(false, "%-11s by ACME: %s", "certificate", oneLine(err.Error()))
		return
	}
	for _, one := range all {
		switch {
		case one.End.IsZero() && one.Last.Reason != "":
			d.say(false, "%-11s of %s: none, %s; a running instance tries again", "certificate", one.Host, one.Last)
		case one.End.IsZero():
			d.warn("%-11s of %s: none yet; a running instance orders it", "certificate", one.Host)
		case one.Last.Reason != "":
			d.sayEnd(one.Host, one.End, time.Duration(1<<62), fmt.Sprintf("it was not renewed, %s", one.Last))
		default:
			d.sayEnd(one.Host, one.End, 0, "a running instance renews it")
		}
	}
}
