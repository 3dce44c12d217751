package doctor

import (
	"time"

	"flashsale/app/server"
)

// renewalTime is less than what is left when a certificate is usually renewed, and enough to do it by hand.
const renewalTime = 14 * 24 * time.Hour

// examineCertificate reads the certificate of the public listener, if this environment names one.
func (d *Doctor) examineCertificate() {
	if !d.cfg.TLS() {
		return
	}
	end, err := server.CertificateEnd(d.cfg.TLSCert, d.cfg.TLSKey)
	if err != nil {
		d.say(false, "%-11s %s", "certificate", oneLine(err.Error()))
		return
	}
	at, left := end.UTC().Format("2006-01-02 15:04 MST"), time.Until(end)
	switch {
	case left <= 0:
		d.say(false, "%-11s of TLS_CERT ended at %s, and browsers refuse it; renew it", "certificate", at)
	case left < renewalTime:
		d.warn("%-11s of TLS_CERT ends at %s, in %d days; renew it", "certificate", at, int(left.Hours()/24))
	default:
		d.say(true, "%-11s of TLS_CERT ends at %s, in %d days", "certificate", at, int(left.Hours()/24))
	}
}
