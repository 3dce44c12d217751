//go:build linux

package secured

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// acmeCA is letsencrypt/pebble, which answers challenges at once and connects to one port for them.
type acmeCA struct {
	*server
	own        *authority // who has signed its own certificate
	directory  string
	management string
}

// newACME prepares a pebble whose certificates last so many seconds. challenges is the port that it takes for 443.
func newACME(t *testing.T, seconds, challenges int) *acmeCA {
	t.Helper()
	path := os.Getenv("PEBBLE")
	if path == "" {
		path = installed(t, "pebble")
	}
	port, management := freePort(t), freePort(t)
	own := newAuthority(t, "pebble's authority")
	id := own.issue(t, "127.0.0.1", valid())
	a := &acmeCA{server: &server{name: "pebble", dir: folder(t, "pebble"), env: []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0"}}, own: own, directory: "https://" + local(port) + "/dir", management: "https://" + local(management)}
	settings, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": local(port), "managementListenAddress": local(management), "certificate": id.cert, "privateKey": id.key,
		"httpPort": 1, "tlsPort": challenges, "keyAlgorithm": "ecdsa", "retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles": map[string]any{"default": map[string]any{"description": "of this test", "validityPeriod": seconds}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(a.dir, "pebble.json")
	written(t, file, settings, 0o600)
	a.args = []string{path, "-config", file}
	a.ready = func(ctx context.Context) error { _, err := a.get(ctx, a.directory); return err }
	return a
}

func (a *acmeCA) get(ctx context.Context, url string) ([]byte, error) {
	roots := x509.NewCertPool()
	roots.AddCert(a.own.certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, errors.New(res.Status)
	}
	return io.ReadAll(res.Body)
}

// roots are those of the certificates that it gives.
func (a *acmeCA) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	text, err := a.get(t.Context(), a.management+"/roots/0")
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatalf("pebble's root: %v %s", err, text)
	}
	return pool
}

// orders is how many it was asked for since its start.
func (a *acmeCA) orders() int { return strings.Count(a.log.String(), "Added order ") }

// front takes connections like a balancer that passes TLS through, for each instance in turn, so that most challenges reach one that has
// not asked for them. proxied puts a PROXY header before them.
type front struct {
	listener net.Listener
	port     int
	proxied  bool
	next     atomic.Int64
	ports    []int
}

func newFront(t *testing.T, proxied bool) *front {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{listener: l, port: l.Addr().(*net.TCPAddr).Port, proxied: proxied, ports: []int{freePort(t), freePort(t)}}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { f.pass(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	return f
}

func (f *front) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	turn := int(f.next.Add(1))
	behind, err := f.dial(ctx, f.ports[turn%len(f.ports)])
	if err != nil { // that one is not there
		if behind, err = f.dial(ctx, f.ports[(turn+1)%len(f.ports)]); err != nil {
			return
		}
	}
	defer func() { _ = behind.Close() }()
	_ = errors.Join(client.SetDeadline(time.Now().Add(10*time.Second)), behind.SetDeadline(time.Now().Add(10*time.Second)))
	back := make(chan struct{})
	go func() {
		_, _ = io.Copy(client, behind)
		_ = client.Close()
		close(back)
	}()
	_, _ = io.Copy(behind, client)
	_ = behind.Close()
	<-back
}

func (f *front) dial(ctx context.Context, port int) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", local(port))
	if err == nil && f.proxied {
		_, err = fmt.Fprintf(c, "PROXY TCP4 192.0.2.1 127.0.0.1 40000 %d\r\n", port)
	}
	return c, err
}

// serveOn starts an instance on that port of the front. Its url is not used: it speaks TLS.
func (f *front) serveOn(t *testing.T, which int, env ...string) *instance {
	t.Helper()
	i := serve(t, append(env, setting("PORT", f.ports[which]))...)
	i.url = "https://localhost:" + strconv.Itoa(f.ports[which])
	return i
}

// shown is the serial number of the certificate that an instance shows; "" while it shows none.
func (f *front) shown(t *testing.T, which int, roots *x509.CertPool) (serial string, of *x509.Certificate) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := f.dial(ctx, f.ports[which])
	if err != nil {
		return "", nil
	}
	defer func() { _ = c.Close() }()
	over := tls.Client(c, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "localhost", RootCAs: roots})
	if over.HandshakeContext(ctx) != nil {
		return "", nil
	}
	of = over.ConnectionState().PeerCertificates[0]
	return of.SerialNumber.String(), of
}

// client speaks HTTP/2 with the instances and nothing else.
func (f *front) client(t *testing.T, roots *x509.CertPool) *http.Client {
	t.Helper()
	only := new(http.Protocols)
	only.SetHTTP2(true)
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, Protocols: only,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(address)
			n, err := strconv.Atoi(port)
			if err != nil {
				return nil, err
			}
			return f.dial(ctx, n)
		}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 15 * time.Second}
}

// buys presses once over HTTP/2.
func buys(t *testing.T, client *http.Client, url, name string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/flash-sale/purchase", strings.NewReader(`{"username":"`+name+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusCreated || res.ProtoMajor != 2 {
		t.Errorf("%s over %s: %s %s", name, res.Proto, res.Status, text)
	}
}

// strict fails the test unless an answer under a public name tells browsers to come by HTTPS only.
func strict(t *testing.T, client *http.Client, url string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "shop.example"
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if said := res.Header.Get("Strict-Transport-Security"); said != "max-age=31536000" {
		t.Errorf("HSTS %q", said)
	}
}

// certificatesOf is what the operators' listener says of them.
func certificatesOf(t *testing.T, i *instance) string {
	t.Helper()
	code, text := fetched(t, i.ops+"/readyz")
	_, about, _ := strings.Cut(text, `"Certificates"`)
	about, _, _ = strings.Cut(about, "}")
	return fmt.Sprintf("%d %s", code, about)
}

// said counts the lines of a log at level info or above that contain a text.
func said(i *instance, text string) (n int) {
	lines := bufio.NewScanner(bytes.NewReader([]byte(i.log.String())))
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			n++
		}
	}
	return n
}

func acmeEnv(t *testing.T, a *acmeCA) []string {
	t.Helper()
	return []string{setting("DATABASE_URL", plainPostgres(t)), setting("REDIS_URL", plainRedis(t)), setting("KAFKA_BROKERS", plainKafka(t)), setting("SSL_CERT_FILE", a.own.file),
		"ACME_EMAIL=admin@shop.example", "ACME_HOSTS=localhost", setting("ACME_CA", a.directory)}
}

// Two instances of one deployment, with an authority that is away at first: they sell as soon as it is there, with one certificate that
// was ordered once, and after a restart too.
func TestCertificatesByACMEAreSharedByTheInstances(t *testing.T) {
	wanted(t)
	f := newFront(t, false)
	a := newACME(t, 90*24*3600, f.port)
	env := acmeEnv(t, a)
	t.Run("authority away", func(t *testing.T) { withoutAuthority(t, f, env) })

	a.start(t)
	roots := a.roots(t)
	instances := []*instance{f.serveOn(t, 0, env...), f.serveOn(t, 1, env...)}
	serials := make([]string, 2)
	var of *x509.Certificate
	for which := range instances {
		eventually(t, time.Minute, "the instance shows a certificate of the authority", func() bool { serials[which], of = f.shown(t, which, roots); return serials[which] != "" })
	}
	if n := a.orders(); serials[0] != serials[1] || n != 1 {
		t.Errorf("%d orders, certificates %v; want one, shown by both", n, serials)
	}
	client := f.client(t, roots)
	for which, i := range instances {
		buys(t, client, i.url, []string{"john_doe", "jane_smith"}[which])
		eventually(t, 10*time.Second, "the probe has nothing to say", func() bool { return strings.HasPrefix(certificatesOf(t, i), `200 ,"ok":true`) })
		if end := i.metric(t, "flashsale_tls_certificate_expiry_timestamp_seconds "); end != float64(of.NotAfter.Unix()) {
			t.Errorf("the metric says %v, the certificate %v", end, of.NotAfter.Unix())
		}
	}
	if code, text := printed(t, env, "doctor"); code != 0 || !strings.Contains(text, "certificate of localhost ends at "+of.NotAfter.UTC().Format("2006-01-02 15:04")) {
		t.Errorf("doctor: exit %d\n%s", code, text)
	}
	nothingPlain(t, env, of)
	strict(t, client, instances[0].url)

	instances[0].stop(t)
	again := f.serveOn(t, 0, env...)
	eventually(t, time.Minute, "the instance shows the certificate after a restart", func() bool { serial, _ := f.shown(t, 0, roots); return serial == serials[0] })
	if n := a.orders(); n != 1 {
		t.Errorf("after a restart there were %d orders", n)
	}
	again.stop(t)
	instances[1].stop(t)
	verified(t, env)
}

// withoutAuthority: everything else works, and what is missing is said once in the log, by the probe and by the doctor.
func withoutAuthority(t *testing.T, f *front, env []string) {
	t.Helper()
	one, two := f.serveOn(t, 0, env...), f.serveOn(t, 1, env...)
	const sentence = "localhost has no certificate: the authority cannot be reached (connect: connection refused)"
	for _, i := range []*instance{one, two} {
		eventually(t, 30*time.Second, "the probe says why there is no certificate", func() bool {
			about := certificatesOf(t, i)
			return strings.HasPrefix(about, `200 ,"ok":false`) && strings.Contains(about, sentence)
		})
		if v := i.metric(t, "flashsale_tls_certificate_expiry_timestamp_seconds "); v != 0 {
			t.Errorf("the metric says %v without a certificate", v)
		}
	}
	if n := said(one, "there is no new certificate") + said(two, "there is no new certificate"); n != 1 {
		t.Errorf("it is said %d times in the logs", n)
	}
	if serial, _ := f.shown(t, 0, nil); serial != "" {
		t.Error("a certificate of nobody is shown")
	}
	if code, text := printed(t, env, "doctor"); code != 1 || !strings.Contains(text, "certificate of localhost: none, the authority cannot be reached (connect: connection refused)") {
		t.Errorf("doctor: exit %d\n%s", code, text)
	}
	_, ops, _ := net.SplitHostPort(strings.TrimPrefix(one.ops, "http://"))
	if code, text := printed(t, append(slices.Clone(env), setting("OPS_ADDR", "127.0.0.1:"+ops)), "health"); code != 0 {
		t.Errorf("health: exit %d %s", code, text)
	}
	one.stop(t)
	two.stop(t)
}

// nothingPlain searches every column of every table of the deployment for what must not stand there unsealed.
func nothingPlain(t *testing.T, env []string, of *x509.Certificate) {
	t.Helper()
	database := strings.TrimPrefix(env[0], "DATABASE_URL=")
	if n := number(t, database, `SELECT count(*) FROM flashsale.certificate_store WHERE key LIKE '%.key'`); n < 2 {
		t.Errorf("%d private keys are kept, want that of the account and that of the certificate", n)
	}
	encoded := base64.StdEncoding.EncodeToString(of.Raw)[:60]
	var out bytes.Buffer
	dump := exec.CommandContext(t.Context(), filepath.Join(postgresBin(t), "pg_dump"), "--schema=flashsale", "--data-only", "-d", database)
	dump.Stdout, dump.Stderr = &out, os.Stderr
	if err := dump.Run(); err != nil {
		t.Fatal(err)
	}
	// pg_dump shows bytea in hexadecimal.
	for what, text := range map[string][]byte{"a private key": []byte("PRIVATE KEY"), "the certificate": []byte(encoded), "the certificate in DER": of.Raw[:40]} {
		if bytes.Contains(out.Bytes(), text) || bytes.Contains(out.Bytes(), fmt.Appendf(nil, "%x", text)) {
			t.Errorf("the database shows %s", what)
		}
	}
	if !bytes.Contains(out.Bytes(), []byte("certificate_store")) {
		t.Error("nothing was searched")
	}
}

// Certificates that last some seconds, behind a balancer with the PROXY protocol: both instances renew them together, an order each.
func TestCertificatesByACMEAreRenewedBehindAProxy(t *testing.T) {
	wanted(t)
	f := newFront(t, true)
	a := newACME(t, 12, f.port)
	a.start(t)
	roots := a.roots(t)
	env := append(acmeEnv(t, a), "PROXY_PROTOCOL=true", "TRUSTED_PROXIES=127.0.0.1", "DEMO_PUBLIC=true")
	instances := []*instance{f.serveOn(t, 0, env...), f.serveOn(t, 1, env...)}
	seen, both, last, began := map[string]bool{}, 0, "", time.Now()
	eventually(t, 2*time.Minute, "both show two certificates, one after the other", func() bool {
		first, _ := f.shown(t, 0, roots)
		second, _ := f.shown(t, 1, roots)
		seen[first], seen[second] = true, true
		if first != "" && first == second && first != last {
			both, last = both+1, first
		}
		return both >= 2
	})
	delete(seen, "")
	if n := a.orders(); n > len(seen)+1 {
		t.Errorf("%d orders for %d certificates", n, len(seen))
	}
	t.Logf("%s: %d orders, %d certificates, %d of them shown by both when it was looked", milliseconds(time.Since(began)), a.orders(), len(seen), both)
	client := f.client(t, roots)
	buys(t, client, instances[1].url, "john_doe")
	// Who orders is killed; the other one goes on.
	_ = instances[0].cmd.Process.Signal(syscall.SIGKILL)
	took := eventually(t, 2*time.Minute, "the other instance goes on renewing", func() bool {
		serial, _ := f.shown(t, 1, roots)
		return cmp.Or(serial, last) != last && !seen[serial]
	})
	t.Logf("renewed by the other one %s after the kill", milliseconds(took))
}
