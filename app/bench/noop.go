package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ServeNoop is the server that the product is compared with. It uses echo, as the product does, and has two handlers: one
// does nothing, the other reads its request and sends a constant answer as long as "sold out". Like the product it shows
// /metrics. It listens on a free loopback port and writes its address to out as a line. It ends with ctx or when in ends,
// whichever comes first; in ends with the process that started it, so that no such server is left behind.
func ServeNoop(ctx context.Context, in io.Reader, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("noop: %w", err)
	}
	server := &http.Server{Handler: noop(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: 2 * time.Minute}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if _, err := fmt.Fprintf(out, "%shttp://%s\n", readyPrefix, listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("noop: %w", err)
	}
	return nil
}

func noop() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	e := echo.New()
	e.POST(noopPath, func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	e.POST(constantPath, constant)
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	return e
}

const (
	noopPath     = "/noop"
	constantPath = "/constant"
)

// soldOut is the product's answer when no unit is left.
const soldOut = `{"type":"/problems/sold-out","title":"Sold out","status":409,"detail":"Item is sold out","success":false,` +
	`"message":"Item is sold out","timestamp":"2026-11-23T15:06:53.615Z","userId":"jane_smith_1","version":4}` + "\n"

// constant costs what every echo handler costs for a request and an answer of this size.
func constant(c echo.Context) error {
	if _, err := io.Copy(io.Discard, c.Request().Body); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Sale-Version", "4")
	h.Set("Vary", "Origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", "70aaf983c01d-3")
	return c.Blob(http.StatusConflict, "application/problem+json; charset=utf-8", []byte(soldOut))
}

// The beginnings of the names of paths whose connections differ: TLS and HTTP/1.1, TLS and HTTP/2, a connection for each request, and a
// TLS connection for each. What follows is the path over plain HTTP/1.1 that each is compared with.
const (
	prefixSecure    = "tls-"
	prefixTwo       = "h2-"
	prefixFresh     = "new-"
	prefixHandshake = "new-tls-"
)

// Secure is an instance that speaks TLS, with a certificate that Roots know.
type Secure struct {
	Target
	Roots *x509.CertPool
}

// securePaths are those over TLS, and the one over new connections that shows what of theirs is TLS.
func (m *meter) securePaths() []*path {
	at := m.cfg.Secure.Target
	if at.URL == "" {
		return nil
	}
	return []*path{
		{name: prefixSecure + pathStatus, connects: prefixSecure, about: "GET status over TLS 1.3", target: at, want: http.StatusOK},
		{name: prefixSecure + pathPage, connects: prefixSecure, about: "the same page over TLS 1.3", target: at, want: http.StatusOK},
		{name: prefixTwo + pathStatus, connects: prefixTwo, about: "GET status over HTTP/2", target: at, want: http.StatusOK},
		{name: prefixFresh + pathStatus, connects: prefixFresh, about: "GET status, each over a connection of its own", target: m.cfg.Product, want: http.StatusOK},
		{name: prefixHandshake + pathStatus, connects: prefixHandshake, about: "GET status, each over a TLS connection of its own", target: at, want: http.StatusOK},
	}
}

// equip makes a generator's connections what their paths want.
func (s Secure) equip(load *generator, connects string) {
	for _, c := range load.conns {
		c.two, c.fresh = connects == prefixTwo, connects == prefixFresh || connects == prefixHandshake
		if connects != "" && connects != prefixFresh {
			c.secure = &tls.Config{RootCAs: s.Roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13}
		}
	}
}

// WriteCertificate writes a new certificate for 127.0.0.1 and its key, both of the kind that ACME gives, as PEM files.
func WriteCertificate(chain, private string) (*x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	raw, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	err = errors.Join(os.WriteFile(chain, text, 0o600),
		os.WriteFile(private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return roots, err
}
