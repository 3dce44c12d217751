// Package acme gets the certificates of the public listener from an authority by ACME (RFC 8555), and renews them. CertMagic speaks with
// the authority; here are its owner, what it may log, and what people are told.
//
// The challenge is TLS-ALPN-01 (RFC 8737) alone, answered by the public listener itself: the authority connects to port 443 of each
// name, and whoever forwards that port has to pass TLS through, with a PROXY header in front of it where the listener wants one. Nothing
// listens on port 80.
//
// All processes of a deployment share account, keys, certificates and challenges in a Store, and order one at a time under Locks, so a
// challenge may reach any of them and each certificate is ordered once. Neither is known here: they stand in events/cluster, and sealing
// is done in users/login, because this package sees nothing else of ours.
package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

const (
	// lookEvery is the longest time between two looks at whether a certificate is to be renewed; for one of a short life it is a
	// fraction of that.
	lookEvery    = 10 * time.Minute
	lookFraction = 30
	// lookFirst is that time while there is a name without a certificate. The order itself does not wait for it.
	lookFirst = 2 * time.Second
	// storePause is the time to the next try when a certificate could not be looked for.
	storePause = 5 * time.Second
	// finalPause is that time when an authority's answer is final.
	finalPause = time.Hour
	// endPatience bounds the wait for work that ends.
	endPatience = 3 * time.Second
	// challengesAtOnce bounds the challenges that are looked up at the same time: anybody may ask for one.
	challengesAtOnce  = 4
	challengePatience = 3 * time.Second
)

// Config says what is wanted and from whom.
type Config struct {
	Email string   // of the account, whose holder agrees to the authority's terms
	Hosts []string // lower case; a certificate each; the first is shown to clients that name none of them
	CA    string   // the address of the authority's directory
	// Host and Port are where the public listener listens; Host is "" for every address.
	Host   string
	Port   int
	Store  Store
	Locks  Locks
	Logger *slog.Logger
}

// Certificates are those that the public listener shows. Safe for concurrent use.
type Certificates struct {
	cfg        Config
	log        *slog.Logger
	challenges chan struct{}
	cache      atomic.Pointer[certmagic.Cache]
	magic      atomic.Pointer[certmagic.Config] // nil before Run

	mu       sync.Mutex
	failures map[string]Failure
}

// New makes certificates that nothing is ordered for before Run.
func New(cfg Config) *Certificates {
	return &Certificates{cfg: cfg, log: cfg.Logger, challenges: make(chan struct{}, challengesAtOnce), failures: map[string]Failure{}}
}

// errNoCertificate refuses a handshake. The authority has not given a certificate yet, and one that nobody has signed would teach people
// to pass over a browser's warning.
var errNoCertificate = errors.New("there is no certificate yet")

// errNoChallenge refuses a challenge for a name that is not ours.
var errNoChallenge = errors.New("there is no such challenge")

// TLS is for a server that shows these certificates: TLS 1.2 or newer, with HTTP/2 for those that know it, and the authority's challenges.
// A handshake fails while there is no certificate.
func (c *Certificates) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1", acmez.ACMETLS1Protocol}, GetCertificate: c.certificate}
}

func (c *Certificates) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	magic := c.magic.Load()
	if magic == nil {
		return nil, errNoCertificate
	}
	if !slices.Contains(hello.SupportedProtos, acmez.ACMETLS1Protocol) {
		return magic.GetCertificate(hello)
	}
	if len(hello.SupportedProtos) != 1 || !slices.Contains(c.cfg.Hosts, strings.ToLower(hello.ServerName)) {
		return nil, errNoChallenge
	}
	ctx, cancel := context.WithTimeout(hello.Context(), challengePatience)
	defer cancel()
	select {
	case c.challenges <- struct{}{}:
		defer func() { <-c.challenges }()
		return magic.GetCertificateWithContext(ctx, hello)
	case <-ctx.Done():
		return nil, errNoChallenge
	}
}

// Run orders what is missing and renews what is due until ctx ends, then returns nil. It waits for nobody: a name whose certificate the
// authority does not give is asked for again after a minute, then ever less often, up to every six hours.
func (c *Certificates) Run(ctx context.Context) error {
	c.begin()
	defer c.cache.Load().Stop()
	var ordering sync.WaitGroup
	for _, host := range c.cfg.Hosts {
		ordering.Go(func() { c.first(ctx, host) })
	}
	for next := lookFirst; pause(ctx, next); {
		next = c.look(ctx)
	}
	ordering.Wait()
	// Renewals under way have a lock, and end with ctx.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
	defer cancel()
	c.cfg.Locks.Await(ending)
	return nil
}

// begin makes what CertMagic needs. Its own ticker is left with the longest interval: Run looks.
func (c *Certificates) begin() {
	quiet := quietly(c.log)
	cache := certmagic.NewCache(c.options(lookEvery))
	magic := certmagic.New(cache, certmagic.Config{
		Storage: storage{c.cfg.Store, c.cfg.Locks}, Logger: quiet, OnEvent: c.heard, Issuers: []certmagic.Issuer{},
		DefaultServerName: c.cfg.Hosts[0], FallbackServerName: c.cfg.Hosts[0],
		OCSP: certmagic.OCSPConfig{DisableStapling: true}, // authorities give it up, and it would be a request that nobody bounds
	})
	magic.Issuers = append(magic.Issuers, certmagic.NewACMEIssuer(magic, certmagic.ACMEIssuer{
		CA: c.cfg.CA, Email: c.cfg.Email, Agreed: true, DisableHTTPChallenge: true, Logger: quiet,
		// It tries to listen there, finds that somebody does, and leaves the challenge to them.
		ListenHost: c.cfg.Host, AltTLSALPNPort: c.cfg.Port,
	}))
	c.cache.Store(cache)
	c.magic.Store(magic)
	if c.cfg.Port != certmagic.TLSALPNChallengePort {
		c.log.Info("the certificate authority connects to port 443 of each name of ACME_HOSTS; forward it to the public listener", "port", c.cfg.Port)
	}
}

func (c *Certificates) options(every time.Duration) certmagic.CacheOptions {
	return certmagic.CacheOptions{RenewCheckInterval: every, OCSPCheckInterval: 24 * time.Hour, Logger: quietly(c.log),
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return c.magic.Load(), nil }}
}

// first finds the certificate of a host in the store, or orders it, and returns when it is shown or ctx has ended.
func (c *Certificates) first(ctx context.Context, host string) {
	for {
		err := c.find(ctx, host)
		if err == nil {
			one, _ := c.shown(host)
			c.log.Info("the certificate is shown", "host", host, "until", one.Leaf.NotAfter.UTC())
			return
		}
		if ctx.Err() != nil {
			return
		}
		next := storePause
		if final := (acme.Problem{}); errors.As(err, &final) {
			next = finalPause // it was heard already
		} else {
			c.unstored(host, err)
		}
		if !pause(ctx, next) {
			return
		}
	}
}

// find is nil when the certificate of a host is shown. It orders one that is not in the store, again and again; an error with an
// authority's word in it means that asking again soon is of no use.
func (c *Certificates) find(ctx context.Context, host string) error {
	magic := c.magic.Load()
	_, err := magic.CacheManagedCertificate(ctx, host)
	if errors.Is(err, fs.ErrNotExist) {
		if err = magic.ObtainCertAsync(ctx, host); err == nil {
			_, err = magic.CacheManagedCertificate(ctx, host)
		}
	}
	return err
}

// look renews what is due, and says when to look again.
func (c *Certificates) look(ctx context.Context) time.Duration {
	next, magic := lookEvery, c.magic.Load()
	for _, host := range c.cfg.Hosts {
		wait := lookFirst
		if one, ok := c.shown(host); ok {
			wait = max(time.Second, one.Lifetime()/lookFraction)
		}
		next = min(next, wait)
	}
	c.cache.Load().SetOptions(c.options(next))
	if err := c.cache.Load().RenewManagedCertificates(ctx); err != nil {
		c.log.Warn("certificates were not looked at", "error", err)
	}
	for _, host := range c.cfg.Hosts {
		one, ok := c.shown(host)
		switch {
		case !ok:
			c.learn(ctx, host)
		case !one.NeedsRenewal(magic):
			c.mu.Lock()
			delete(c.failures, host)
			c.mu.Unlock()
		}
	}
	return next
}

// shown is the certificate of a host that is shown now.
func (c *Certificates) shown(host string) (last certmagic.Certificate, ok bool) {
	cache := c.cache.Load()
	if cache == nil {
		return last, false
	}
	for _, one := range cache.AllMatchingCertificates(host) {
		if !ok || one.Leaf.NotAfter.After(last.Leaf.NotAfter) {
			last, ok = one, true
		}
	}
	return last, ok
}

// End is when the first of the certificates ends that are shown now; zero while a host has none.
func (c *Certificates) End() (first time.Time) {
	for _, host := range c.cfg.Hosts {
		one, ok := c.shown(host)
		if !ok {
			return time.Time{}
		}
		if first.IsZero() || one.Leaf.NotAfter.Before(first) {
			first = one.Leaf.NotAfter
		}
	}
	return first
}

// TroubleError says what is not as it should be, in one sentence: a host without a certificate, or one that is not renewed.
type TroubleError string

func (t TroubleError) Error() string { return string(t) }

// Trouble is nil when every host has a certificate and none is late; else a TroubleError about the first host for which that is not so.
func (c *Certificates) Trouble() error {
	for _, host := range c.cfg.Hosts {
		c.mu.Lock()
		failure, failed := c.failures[host]
		c.mu.Unlock()
		one, ok := c.shown(host)
		switch {
		case !ok && failed:
			return TroubleError(fmt.Sprintf("%s has no certificate: %s", host, failure))
		case !ok:
			return TroubleError(host + " has no certificate yet; it is being ordered")
		case one.Expired():
			return TroubleError(fmt.Sprintf("the certificate of %s ended at %s: %s", host, moment(one.Leaf.NotAfter), failure))
		case failed:
			return TroubleError(fmt.Sprintf("the certificate of %s, which ends at %s, was not renewed: %s", host, moment(one.Leaf.NotAfter), failure))
		}
	}
	return nil
}

// pause is false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
