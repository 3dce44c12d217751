package instance

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair makes a certificate for localhost and its key, and writes them into a directory.
func writePair(t *testing.T, dir string) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	mustBe(t, err)
	about := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost", "shop.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	mustBe(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	mustBe(t, err)
	certFile, keyFile, pool = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), x509.NewCertPool()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	mustBe(t, os.WriteFile(certFile, text, 0o600))
	mustBe(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	pool.AppendCertsFromPEM(text)
	return certFile, keyFile, pool
}

func mustBe(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// withTLS lets the deployment's instances speak TLS.
func (d *deployment) withTLS(t *testing.T) *x509.CertPool {
	t.Helper()
	var pool *x509.CertPool
	d.Config.TLSCert, d.Config.TLSKey, pool = writePair(t, t.TempDir())
	return pool
}

// A page, a live stream and a stop, in both versions of HTTP over TLS.
func TestAnInstanceSpeaksTLS(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	pool := d.withTLS(t)
	a := d.start(t)
	if !strings.HasPrefix(a.URL(), "https://") {
		t.Fatal(a.URL())
	}
	var streams []*bufio.Reader
	for _, version := range []int{1, 2} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(version == 1)
		protocols.SetHTTP2(version == 2)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, Protocols: protocols}
		client := &http.Client{Transport: transport}
		t.Cleanup(transport.CloseIdleConnections)
		res := askOver(t, client, a.URL()+"/", "")
		if res.ProtoMajor != version || res.StatusCode != http.StatusOK || res.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("HTTP/%d: %s %s, HSTS of localhost %q", version, res.Proto, res.Status, res.Header.Get("Strict-Transport-Security"))
		}
		if res := askOver(t, client, a.URL()+"/health", "shop.example"); res.StatusCode != http.StatusMisdirectedRequest ||
			res.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
			t.Errorf("HTTP/%d: %s, HSTS %q", version, res.Status, res.Header.Get("Strict-Transport-Security"))
		}
		stream := askOver(t, client, a.URL()+"/api/flash-sale/stream", "")
		if got := stream.Header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" || stream.ProtoMajor != version {
			t.Errorf("HTTP/%d: a stream of %s by %s", version, got, stream.Proto)
		}
		streams = append(streams, bufio.NewReader(stream.Body))
	}
	for _, s := range streams {
		awaitLine(t, s, "event: status")
	}
	res, err := http.Get("http" + strings.TrimPrefix(a.URL(), "https") + "/")
	if err == nil {
		_ = res.Body.Close()
	}
	if err != nil || res.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %v %v", res, err)
	}
	metrics := httptest.NewRecorder()
	a.web.OpsHandler().ServeHTTP(metrics, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/metrics", nil))
	if want := fmt.Sprintf("\nflashsale_tls_certificate_expiry_timestamp_seconds %v\n", float64(a.certificate.End().Unix())); !strings.Contains(metrics.Body.String(), want) {
		t.Errorf("the metrics have no%s", want)
	}
	began := time.Now()
	d.stop(t, a)
	if took := time.Since(began); took > drainGrace+requestPatience {
		t.Errorf("the stop waited %v for streams", took)
	}
	for _, s := range streams {
		awaitLine(t, s, "retry: ")
	}
}

func askOver(t *testing.T, client *http.Client, url, host string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	mustBe(t, err)
	r.Host = host
	res, err := client.Do(r)
	mustBe(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// awaitLine reads until a line begins so.
func awaitLine(t *testing.T, from *bufio.Reader, begin string) {
	t.Helper()
	for {
		line, err := from.ReadString('\n')
		if strings.HasPrefix(line, begin) {
			return
		}
		if err != nil {
			t.Fatalf("no line %s: %v", begin, err)
		}
	}
}
