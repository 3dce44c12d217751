package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// pairOf is a new certificate and its key in PEM.
func pairOf(t *testing.T, number int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	about := &x509.Certificate{SerialNumber: big.NewInt(number), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	raw, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func put(t *testing.T, path string, text []byte) {
	t.Helper()
	must(t, os.WriteFile(path+".new", text, 0o600))
	must(t, os.Rename(path+".new", path))
}

func TestACertificateIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	dir, said := t.TempDir(), &lines{}
	certFile, keyFile := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	cert, key := pairOf(t, 1)
	put(t, certFile, cert)
	put(t, keyFile, key)
	c, err := NewCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(said, nil)))
	must(t, err)
	serial := func() int64 {
		pair, _ := c.TLS().GetCertificate(nil)
		return pair.Leaf.SerialNumber.Int64()
	}
	next, nextKey := pairOf(t, 2)
	bad := false
	put(t, certFile, next) // and the key is still the old one
	for range 3 {
		bad = c.renew(bad)
	}
	if serial() != 1 || !bad || strings.Count(said.String(), "is not used") != 1 {
		t.Errorf("half a pair: serial %d, logged %s", serial(), said)
	}
	put(t, keyFile, nextKey)
	if bad = c.renew(bad); bad || serial() != 2 {
		t.Errorf("a new pair: serial %d, logged %s", serial(), said)
	}
	if c.renew(bad); strings.Count(said.String(), "renewed") != 1 {
		t.Errorf("nothing has changed: %s", said)
	}
	must(t, os.Remove(keyFile))
	if !c.renew(false) || serial() != 2 || strings.Contains(said.String(), dir) {
		t.Errorf("no key: serial %d, logged %s", serial(), said)
	}
	put(t, keyFile, nextKey)
	c.every = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	cert, key = pairOf(t, 3)
	put(t, keyFile, key)
	put(t, certFile, cert)
	for deadline := time.Now().Add(20 * time.Second); serial() != 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Run does not renew: %s", said)
		}
	}
	cancel()
	must(t, <-ended)
}

func TestAPairThatDoesNotFitStopsTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := pairOf(t, 1)
	_, other := pairOf(t, 2)
	for name, text := range map[string][]byte{"crt": cert, "key": key, "other": other, "none": []byte("hunter2")} {
		put(t, filepath.Join(dir, name), text)
	}
	for _, c := range []struct{ cert, key, want string }{
		{"crt", "other", "TLS_CERT and TLS_KEY are no certificate with its key ("},
		{"key", "crt", "TLS_CERT and TLS_KEY are no certificate with its key ("},
		{"crt", "none", "TLS_CERT and TLS_KEY are no certificate with its key ("},
		{"hunter2", "key", "TLS_CERT is the path of a file that cannot be read ("},
		{"crt", "hunter2", "TLS_KEY is the path of a file that cannot be read ("},
	} {
		_, err := NewCertificate(filepath.Join(dir, c.cert), filepath.Join(dir, c.key), slog.New(slog.DiscardHandler))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// The limiter knows of a connection under TLS when it is idle, and the bound of its writes outlives the handshake.
func TestTheLimiterSeesThroughTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := pairOf(t, 1)
	put(t, filepath.Join(dir, "crt"), cert)
	put(t, filepath.Join(dir, "key"), key)
	c, err := NewCertificate(filepath.Join(dir, "crt"), filepath.Join(dir, "key"), slog.New(slog.DiscardHandler))
	must(t, err)
	limiter := NewLimiter(4)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	bounded := make(chan bool, 2)
	s := HTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		limiter.mu.Lock()
		defer limiter.mu.Unlock()
		for one := range limiter.open {
			bounded <- !one.ownBound.Load()
		}
	}))
	s.TLSConfig, s.ConnState = c.TLS(), limiter.ConnState
	served := make(chan error, 1)
	go func() { served <- s.ServeTLS(limiter.Listener(inner), "", "") }()
	for _, protocol := range []string{"http/1.1", "h2"} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: protocol == "h2"}
		res, err := (&http.Client{Transport: transport}).Get("https://" + inner.Addr().String())
		must(t, err)
		_ = res.Body.Close()
		if !<-bounded {
			t.Errorf("%s: the writes of the first request have no bound", res.Proto)
		}
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			limiter.mu.Lock()
			idle := len(limiter.open) == 1
			for one := range limiter.open {
				idle = idle && one.idle.Load()
			}
			limiter.mu.Unlock()
			if idle {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the connection is never idle", res.Proto)
			}
		}
		transport.CloseIdleConnections()
		for deadline := time.Now().Add(10 * time.Second); limiter.Open() > 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	must(t, s.Close())
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
