package balancers

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// balancer is one of the programs, and how its text becomes settings of a test.
type balancer struct {
	program, file string
	// around puts the text into a whole file of settings.
	around func(text, dir string) string
	args   func(file, dir string) []string
	// sticky is the line of the text that a shopper's stay at one instance needs, and what it becomes.
	sticky [][2]string
	// viaProxy sends PROXY headers to the instances.
	viaProxy [][2]string
}

func balancers() map[string]balancer {
	return map[string]balancer{
		"nginx": {
			program: "nginx", file: "nginx.conf",
			around: func(text, dir string) string {
				return "daemon off;\nworker_processes 1;\npid " + dir + "/pid;\nerror_log " + dir + "/error.log;\nuser root;\nevents { worker_connections 1024; }\n" +
					"http {\naccess_log off;\nclient_body_temp_path " + dir + "/body;\nproxy_temp_path " + dir + "/proxy;\nfastcgi_temp_path " + dir + "/fastcgi;\n" +
					"uwsgi_temp_path " + dir + "/uwsgi;\nscgi_temp_path " + dir + "/scgi;\n" + text + "}\n"
			},
			args:   func(file, dir string) []string { return []string{"-c", file, "-p", dir, "-e", dir + "/error.log"} },
			sticky: [][2]string{{"# ip_hash;", "ip_hash;"}},
		},
		"haproxy": {
			program: "haproxy", file: "haproxy.cfg",
			around: func(text, _ string) string { return "global\n    maxconn 1000\n\n" + text },
			args:   func(file, _ string) []string { return []string{"-db", "-f", file} },
			sticky: [][2]string{{"# cookie instance insert", "cookie instance insert"}, {" check inter", " cookie x check inter"}},
			viaProxy: [][2]string{
				{"    option forwardfor                        # X-Forwarded-For\n", ""}, {"    http-request set-header X-Forwarded-Proto https\n", ""}, {" check inter", " send-proxy-v2-ssl check check-send-proxy inter"},
			},
		},
		"caddy": {
			program: "caddy", file: "Caddyfile",
			around: func(text, dir string) string {
				return "{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system " + dir + "/storage\n}\n" + text
			},
			args:   func(file, _ string) []string { return []string{"run", "--adapter", "caddyfile", "--config", file} },
			sticky: [][2]string{{"\t\tlb_policy least_conn\n", ""}, {"# lb_policy cookie", "lb_policy cookie"}},
		},
	}
}

// start runs the program with its text, in which the instances and files are those of the test. It returns the address.
func (b balancer) start(t *testing.T, pair certificate, instances [2]string, changes [][2]string) string {
	t.Helper()
	program, err := exec.LookPath(b.program)
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/" + b.program) // which is not in everybody's PATH
	}
	if err != nil {
		missing(t, b.program)
	}
	dir := t.TempDir()
	raw, err := os.ReadFile(b.file)
	mustBe(t, err)
	port := freePort(t)
	text := string(raw)
	for _, change := range append(changes, [][2]string{
		{"/etc/flashsale/tls.crt", pair.cert}, {"/etc/flashsale/tls.key", pair.key}, {"/etc/flashsale/tls.pem", pair.both},
		{"127.0.0.1:3001", instances[0]}, {"127.0.0.1:3002", instances[1]},
		{"listen 443", "listen 127.0.0.1:" + port}, {"bind :443", "bind 127.0.0.1:" + port}, {"shop.example {", "https://shop.example:" + port + " {"},
	}...) {
		text = strings.ReplaceAll(text, change[0], change[1])
	}
	file := filepath.Join(dir, b.file)
	mustBe(t, os.WriteFile(file, []byte(b.around(text, dir)), 0o600))
	var said bytes.Buffer
	cmd := exec.Command(program, b.args(file, dir)...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &said, &said, append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	mustBe(t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said: %s", b.program, said.Bytes())
		}
	})
	address := "127.0.0.1:" + port
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
			return address
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s: %s", b.program, cmd.ProcessState, said.Bytes())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v", b.program, err)
		}
	}
}

// missing skips the test, and fails it where everything is to be run.
func missing(t *testing.T, program string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed (on Debian: apt-get install %[1]s)", program)
	}
	t.Skipf("%s is not installed", program)
}

func mustBe(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	mustBe(t, err)
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// certificate is that of shop.example, in files.
type certificate struct {
	cert, key, both string
	pool            *x509.CertPool
}

func newCertificate(t *testing.T) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	mustBe(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop.example"}, DNSNames: []string{"shop.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	mustBe(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	mustBe(t, err)
	cert, secret := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	c, dir := certificate{pool: x509.NewCertPool()}, t.TempDir()
	c.pool.AppendCertsFromPEM(cert)
	c.cert, c.key, c.both = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "tls.pem")
	mustBe(t, os.WriteFile(c.cert, cert, 0o600))
	mustBe(t, os.WriteFile(c.key, secret, 0o600))
	mustBe(t, os.WriteFile(c.both, append(cert, secret...), 0o600))
	return c
}

// browser is a client of shop.example at the balancer, from an address of this machine.
func (c certificate) browser(t *testing.T, balancer, from string) *http.Transport {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", balancer)
		},
		TLSClientConfig:   &tls.Config{RootCAs: c.pool, ServerName: "shop.example", MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}
