package acme

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"github.com/caddyserver/certmagic"
)

// nobody is the directory of an authority that is away.
const nobody = "https://127.0.0.1:1/directory"

// lines is a log that several goroutines write and the test reads.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// running runs certificates until the test ends, and fails it when they do not end then.
func running(t *testing.T, from *memory, hosts ...string) (*Certificates, *lines) {
	t.Helper()
	out := &lines{}
	c := New(Config{Email: "admin@shop.example", Hosts: hosts, CA: nobody, Host: "127.0.0.1", Port: 443, Store: from, Locks: from, Logger: slog.New(slog.NewTextHandler(out, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Error("it does not end")
		}
	})
	return c, out
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func saying(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// shake shakes hands with a client and returns what it was shown, or the server's error.
func shake(t *testing.T, c *Certificates, name, protocol string) (*x509.Certificate, error) {
	t.Helper()
	mine, theirs := net.Pipe()
	defer func() { _ = errors.Join(mine.Close(), theirs.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	client := tls.Client(theirs, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name, NextProtos: []string{protocol}, InsecureSkipVerify: true})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = client.HandshakeContext(ctx)
	}()
	err := tls.Server(mine, c.TLS()).HandshakeContext(ctx)
	<-done
	if err != nil {
		return nil, err
	}
	return client.ConnectionState().PeerCertificates[0], nil
}

// Without its authority there is one sentence, in the log, in the probe and for the doctor, and no handshake.
func TestAnAuthorityThatIsAwayIsSaidOnce(t *testing.T) {
	t.Parallel()
	m := newMemory()
	c, out := running(t, m, "shop.example")
	const sentence = "shop.example has no certificate: the authority cannot be reached (connect: connection refused) (at "
	eventually(t, "the probe says it", func() bool { return strings.HasPrefix(saying(c.Trouble()), sentence) })
	if n := strings.Count(out.String(), "\n"); n != 1 || !strings.Contains(out.String(), `level=WARN msg="there is no new certificate; the order is tried again after a minute, then ever less often" host=shop.example`) {
		t.Errorf("%d lines in the log:\n%s", n, out)
	}
	if !c.End().IsZero() {
		t.Errorf("no certificate ends at %v", c.End())
	}
	if _, err := shake(t, c, "shop.example", "h2"); err == nil {
		t.Error("a handshake without a certificate")
	}
	eventually(t, "it is written down", func() bool {
		found, err := Look(t.Context(), m, nobody, []string{"shop.example", "www.shop.example"})
		return err == nil && len(found) == 2 && found[0].Last.Reason != "" && found[1] == (Standing{Host: "www.shop.example"})
	})
}

// A store that fails orders nothing, since nobody knows what is in it, and says so once.
func TestAStoreThatFailsOrdersNothing(t *testing.T) {
	t.Parallel()
	m := newMemory()
	m.fault = errors.New("the disk\nis full")
	c, out := running(t, m, "shop.example")
	const sentence = "shop.example has no certificate: it cannot be looked for in PostgreSQL: shop.example: caching certificate: the disk is full"
	eventually(t, "the probe says it", func() bool {
		return strings.HasPrefix(strings.ReplaceAll(saying(c.Trouble()), "shop.example: caching certificate: ", ""), strings.ReplaceAll(sentence, "shop.example: caching certificate: ", ""))
	})
	if strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), "none is ordered before it is known") {
		t.Errorf("the log:\n%s", out)
	}
}

// selfSigned is a certificate and its key as CertMagic keeps them.
func selfSigned(t *testing.T, host string, ends time.Time) (chain, private []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: ends, DNSNames: []string{host}}
	raw, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if private, err = certmagic.PEMEncodePrivateKey(key); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), private
}

// What another process has ordered is shown and not ordered again; a client that names nobody gets the first one. A challenge is looked
// up for names of ours alone.
func TestWhatIsKeptIsShown(t *testing.T) {
	t.Parallel()
	m, end := newMemory(), time.Now().Add(60*24*time.Hour).Truncate(time.Second)
	chain, private := selfSigned(t, "shop.example", end)
	ctx, keys := t.Context(), certmagic.StorageKeys
	by := issuer(nobody)
	err := errors.Join(m.Save(ctx, keys.SiteCert(by, "shop.example"), chain), m.Save(ctx, keys.SitePrivateKey(by, "shop.example"), private), m.Save(ctx, keys.SiteMeta(by, "shop.example"), []byte(`{"sans":["shop.example"]}`)))
	if err != nil {
		t.Fatal(err)
	}
	c, out := running(t, m, "shop.example")
	eventually(t, "it is shown", func() bool { return c.End().Equal(end) && c.Trouble() == nil })
	for _, name := range []string{"shop.example", "SHOP.example", "other.example", ""} {
		if shown, err := shake(t, c, name, "h2"); err != nil || !shown.NotAfter.Equal(end) {
			t.Errorf("to a client that names %q: %v", name, err)
		}
	}
	for name, want := range map[string]bool{"other.example": true, "": true, "shop.example": false} {
		if _, err := shake(t, c, name, "acme-tls/1"); err == nil || errors.Is(err, errNoChallenge) != want {
			t.Errorf("a challenge for %q: %v", name, err)
		}
	}
	if found, err := Look(ctx, m, nobody, []string{"shop.example"}); err != nil || !found[0].End.Equal(end) {
		t.Errorf("%+v, %v", found, err)
	}
	if strings.Contains(out.String(), "WARN") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("the log:\n%s", out)
	}
}

func TestReasonsAreForPeople(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for want, err := range map[string]error{
		"the authority cannot be reached (connection refused)": fmt.Errorf("x: %w", refused),
		"the authority says: no such name":                     fmt.Errorf("x: %w", acme.Problem{Type: "urn:x", Detail: "no\nsuch \x1b name"}),
		"the name of the authority ca.example is not found":    &net.OpError{Op: "dial", Err: &net.DNSError{Name: "ca.example", Err: "no such host", IsNotFound: true}},
		"the authority does not answer in time":                fmt.Errorf("x: %w", context.DeadlineExceeded),
		"nobody whom this machine trusts has signed the authority's own certificate; SSL_CERT_FILE names a file with those that it trusts": fmt.Errorf("x: %w", x509.UnknownAuthorityError{}),
		strings.Repeat("ü", longestReason) + "...": errors.New(strings.Repeat("ü", 1000)),
	} {
		if got := reason(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What clients send stands in attributes, which are escaped, on lines of level debug.
func TestTheLogOfTheLibraryIsQuietAndEscaped(t *testing.T) {
	t.Parallel()
	var quiet, loud bytes.Buffer
	at := func(to *bytes.Buffer, level slog.Level) *zap.Logger {
		return quietly(slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level}))).Named("handshake").With(zap.String("remote", "a\nb"))
	}
	for _, log := range []*zap.Logger{at(&quiet, slog.LevelInfo), at(&loud, slog.LevelDebug)} {
		log.Error("no certificate", zap.String("server_name", "evil\n{\"level\":\"ERROR\"}"), zap.Error(errors.New("x")), zap.Strings("names", []string{"a"}))
	}
	var line map[string]any
	if quiet.Len() > 0 || bytes.Count(loud.Bytes(), []byte("\n")) != 1 || json.Unmarshal(loud.Bytes(), &line) != nil {
		t.Fatalf("%q %q", quiet.String(), loud.String())
	}
	if line["level"] != "DEBUG" || line["by"] != "handshake" || line["as"] != "error" || line["remote"] != "a\nb" || line["error"] != "x" {
		t.Errorf("%v", line)
	}
}

func TestTheStorageListsLikeFolders(t *testing.T) {
	t.Parallel()
	m := newMemory()
	s := storage{m, m}
	for _, key := range []string{"certificates/ca/a/a.crt", "certificates/ca/a/a.key", "certificates/ca/b/b.crt", "certificates2/x"} {
		if err := s.Store(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range []struct {
		prefix    string
		recursive bool
		want      string
	}{
		{"certificates/ca", false, "certificates/ca/a certificates/ca/b"},
		{"certificates", true, "certificates/ca/a/a.crt certificates/ca/a/a.key certificates/ca/b/b.crt"},
		{"certificates/ca/a", false, "certificates/ca/a/a.crt certificates/ca/a/a.key"},
		{"", false, "certificates certificates2"},
		{"nothing", false, ""},
	} {
		if got, err := s.List(t.Context(), one.prefix, one.recursive); err != nil || !slices.Equal(got, strings.Fields(one.want)) {
			t.Errorf("below %q: %q, %v; want %s", one.prefix, got, err, one.want)
		}
	}
	for key, want := range map[string]bool{"certificates/ca": true, "certificates/ca/a/a.crt": true, "certificates/c": false} {
		if s.Exists(t.Context(), key) != want {
			t.Errorf("%s exists: %v", key, !want)
		}
	}
}
