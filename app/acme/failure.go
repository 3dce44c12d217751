package acme

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"strings"
	"time"
	"unicode"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// Failure is why a certificate was not given when it was last asked for.
type Failure struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// String is a part of a sentence; "nothing is known of the last try" for none.
func (f Failure) String() string {
	if f.Reason == "" {
		return "nothing is known of the last try"
	}
	return f.Reason + " (at " + moment(f.At) + ")"
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// heard is told by CertMagic what became of an order.
func (c *Certificates) heard(ctx context.Context, event string, data map[string]any) error {
	host, _ := data["identifier"].(string)
	switch event {
	case "cert_failed":
		why, _ := data["error"].(error)
		if ctx.Err() == nil { // and not because this process ends
			c.failed(ctx, host, Failure{At: time.Now().UTC(), Reason: reason(why)})
		}
	case "cert_obtained":
		c.log.Info("the certificate authority gave a certificate", "host", host, "authority", c.cfg.CA)
		c.mu.Lock()
		delete(c.failures, host)
		c.mu.Unlock()
		if err := c.cfg.Store.Delete(ctx, c.failureKey(host)); err != nil {
			c.log.Warn("the doctor still tells of an order that failed before", "host", host, "error", err)
		}
	}
	return nil
}

// unstored notes that the certificate of a host could not be looked for, and says it once.
func (c *Certificates) unstored(host string, err error) {
	why := Failure{At: time.Now().UTC(), Reason: "it cannot be looked for in PostgreSQL: " + line(err.Error())}
	c.mu.Lock()
	told := c.failures[host].Reason == why.Reason
	c.failures[host] = why
	c.mu.Unlock()
	if !told {
		c.log.Warn("there is no certificate, and none is ordered before it is known whether there is one", "host", host, "reason", why.Reason)
	}
}

// failed notes why a host has no new certificate, says it, and writes it down.
func (c *Certificates) failed(ctx context.Context, host string, why Failure) {
	c.mu.Lock()
	c.failures[host] = why
	c.mu.Unlock()
	after := "the order is tried again after a minute, then ever less often"
	if one, ok := c.shown(host); ok {
		after = "the one that ends at " + moment(one.Leaf.NotAfter) + " is shown, and " + after
	}
	c.log.Warn("there is no new certificate; "+after, "host", host, "authority", c.cfg.CA, "reason", why.Reason)
	text, err := json.Marshal(why)
	if err == nil {
		err = c.cfg.Store.Save(ctx, c.failureKey(host), text)
	}
	if err != nil {
		c.log.Warn("other processes and the doctor do not hear why there is no certificate", "host", host, "error", err)
	}
}

// learn takes over what another process has written down.
func (c *Certificates) learn(ctx context.Context, host string) {
	c.mu.Lock()
	_, known := c.failures[host]
	c.mu.Unlock()
	if known {
		return
	}
	if failure, err := failureOf(ctx, c.cfg.Store, c.failureKey(host)); err == nil {
		c.mu.Lock()
		c.failures[host] = failure
		c.mu.Unlock()
	}
}

func failureOf(ctx context.Context, from Store, key string) (failure Failure, err error) {
	text, err := from.Load(ctx, key)
	if err == nil {
		err = json.Unmarshal(text, &failure)
	}
	return failure, err
}

func (c *Certificates) failureKey(host string) string { return failureKey(c.cfg.CA, host) }

func failureKey(ca, host string) string {
	return path.Join("failures", issuer(ca), certmagic.StorageKeys.Safe(host))
}

// issuer is the name of an authority in keys.
func issuer(ca string) string { return (&certmagic.ACMEIssuer{CA: ca}).IssuerKey() }

// Standing is what the store has of a host.
type Standing struct {
	Host string
	End  time.Time // of its certificate; zero: there is none
	Last Failure   // of the last order; zero: none failed since the last certificate
}

// Look reads what the store has of each host. It orders nothing.
func Look(ctx context.Context, from Store, ca string, hosts []string) ([]Standing, error) {
	var all []Standing
	for _, host := range hosts {
		one := Standing{Host: host}
		text, err := from.Load(ctx, certmagic.StorageKeys.SiteCert(issuer(ca), host))
		if err == nil {
			one.End, err = endOf(text)
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			one.Last, err = failureOf(ctx, from, failureKey(ca, host))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// errNoPEM means that what is kept as a certificate is none.
var errNoPEM = errors.New("what is kept is no certificate")

func endOf(chain []byte) (time.Time, error) {
	first, _ := pem.Decode(chain)
	if first == nil {
		return time.Time{}, errNoPEM
	}
	leaf, err := x509.ParseCertificate(first.Bytes)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", errNoPEM, err)
	}
	return leaf.NotAfter, nil
}

// longestReason bounds what an authority's own words may fill of a line.
const longestReason = 300

// reason says why an order failed. Words of the authority are shown as they are, but on one line and not without an end.
func reason(err error) string {
	var (
		problem acme.Problem
		unknown x509.UnknownAuthorityError
		name    *net.DNSError
		op      *net.OpError
		slow    net.Error
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &problem):
		return line("the authority says: " + problem.Detail)
	case errors.As(err, &unknown):
		return "nobody whom this machine trusts has signed the authority's own certificate; SSL_CERT_FILE names a file with those that it trusts"
	case errors.As(err, &name):
		return line("the name of the authority " + name.Name + " is not found")
	case errors.As(err, &slow) && slow.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "the authority does not answer in time"
	case errors.As(err, &op):
		return line("the authority cannot be reached (" + op.Err.Error() + ")")
	}
	return line(err.Error())
}

func line(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)), " ")
	if runes := []rune(text); len(runes) > longestReason {
		return string(runes[:longestReason]) + "..."
	}
	return text
}
