package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificateEvery is how often the files of a certificate are read: what renews one does so days before the old one ends.
const certificateEvery = 30 * time.Second

// Certificate is a TLS certificate and its key in two PEM files, which are read again while the process runs. It compares what is
// in them, because a mounted secret is often a link whose target changes without a newer time. Safe for concurrent use.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	every             time.Duration // certificateEvery but in tests
	now               atomic.Pointer[tls.Certificate]
	last              [2][]byte // what was in the files when they were last looked at
}

// NewCertificate reads the pair. The error is a sentence for the operator and has nothing of the files in it.
func NewCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, every: certificateEvery}
	pair, err := c.read()
	if err != nil {
		return nil, err
	}
	if left := time.Until(pair.Leaf.NotAfter); left <= 0 {
		log.Warn("the certificate of TLS_CERT has ended; browsers refuse it", "ended", pair.Leaf.NotAfter.UTC())
	}
	c.now.Store(pair)
	return c, nil
}

// End is when the certificate ends that is shown now.
func (c *Certificate) End() time.Time { return c.now.Load().Leaf.NotAfter }

// CertificateEnd is when the certificate of two files ends. The error is that of NewCertificate.
func CertificateEnd(certFile, keyFile string) (time.Time, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	pair, err := c.read()
	if err != nil {
		return time.Time{}, err
	}
	return pair.Leaf.NotAfter, nil
}

// read reads both files. A pair that does not fit, as in the moment between the two when both are replaced, is an error.
func (c *Certificate) read() (*tls.Certificate, error) {
	var text [2][]byte
	for i, file := range []struct{ name, path string }{{"TLS_CERT", c.certFile}, {"TLS_KEY", c.keyFile}} {
		var err error
		if text[i], err = os.ReadFile(file.path); err != nil {
			return nil, fmt.Errorf("%s is the path of a file that cannot be read (%w); correct it", file.name, withoutPath(err))
		}
	}
	c.last = text
	pair, err := tls.X509KeyPair(text[0], text[1])
	if err != nil {
		return nil, fmt.Errorf("TLS_CERT and TLS_KEY are no certificate with its key (%w); set them to the two PEM files of one pair", err)
	}
	return &pair, nil
}

// withoutPath is the reason alone: who mixes up two variables may have written a secret in the place of a path.
func withoutPath(err error) error {
	var of *os.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// Run looks at the files until ctx ends, then returns nil. New connections get a new pair; one that is broken is logged once and
// the one before is kept.
func (c *Certificate) Run(ctx context.Context) error {
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	unread := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		unread = c.renew(unread)
	}
}

// renew takes what is new in the files. complained says that they could not be used at the last look, and so does the result.
func (c *Certificate) renew(complained bool) bool {
	before := c.last
	pair, err := c.read()
	same := bytes.Equal(before[0], c.last[0]) && bytes.Equal(before[1], c.last[1])
	switch {
	case err != nil && complained && same:
	case err != nil:
		c.log.Warn("the new certificate is not used, the one before is kept", "error", err)
	case !same || complained:
		c.now.Store(pair)
		c.log.Info("the certificate of TLS_CERT was renewed", "until", pair.Leaf.NotAfter.UTC())
	}
	return err != nil
}

// TLS is for a server that shows this certificate: TLS 1.2 or newer, with HTTP/2 for those that know it.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil },
	}
}
