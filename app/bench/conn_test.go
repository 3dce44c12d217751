package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// speak listens and answers each request, which must be one line and an empty one, with the next text. After the last
// text, or one that contains "close", it closes the connection. It gives its address.
func speak(t *testing.T, answers ...string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(c)
			for len(answers) > 0 {
				if _, err := r.ReadString('\n'); err != nil {
					break
				}
				_, _ = r.ReadString('\n')
				_, _ = c.Write([]byte(answers[0]))
				closes := strings.Contains(answers[0], "close")
				if answers = answers[1:]; closes {
					break
				}
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func ask(t *testing.T, c *conn) (int, string, error) {
	t.Helper()
	code, body, err := c.do(t.Context(), []byte("GET / HTTP/1.1\r\n\r\n"), time.Now().Add(20*time.Second))
	return code, string(body), err
}

func TestAnswersAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	c := &conn{address: speak(t,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 409 Conflict\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
		"HTTP/1.1 201 Created\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew",
	)}
	defer c.close()
	for _, want := range []struct {
		code int
		body string
	}{{200, "hello"}, {204, ""}, {409, "abc0123456789"}, {201, "ok"}, {200, "new"}} {
		if code, body, err := ask(t, c); code != want.code || body != want.body || err != nil {
			t.Fatalf("%d %q %v, want %+v", code, body, err, want)
		}
	}
}

// A sale that others bought from for minutes is pressed again: what the server has closed meanwhile is no press that it refused.
func TestAConnectionThatWasLongIdleIsOpenedAnew(t *testing.T) {
	t.Parallel()
	kept := "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
	c := &conn{address: speak(t, kept+"a", kept+"b", kept+"c")}
	defer c.close()
	ask := func(after time.Duration) net.Conn {
		t.Helper()
		if _, _, err := c.do(t.Context(), []byte("GET / HTTP/1.1\r\n\r\n"), time.Now().Add(after+20*time.Second)); err != nil {
			t.Fatal(err)
		}
		return c.net
	}
	first := ask(0)
	if next := ask(idleMost / 2); next != first {
		t.Error("a connection that was idle for a moment was opened anew")
	}
	if next := ask(2 * idleMost); next == first {
		t.Error("a connection was used after it had been idle for longer than that")
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no status line":    "hello\r\n\r\n",
		"no code":           "HTTP/1.1 abc x\r\n\r\n",
		"negative length":   "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"huge body":         "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
		"endless chunk":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n",
		"chunk without end": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
		"too many fields":   "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxFields+1) + "\r\n",
	} {
		c := &conn{address: speak(t, text)}
		if code, _, err := ask(t, c); !errors.Is(err, errAnswer) {
			t.Errorf("%s: %d, %v", name, code, err)
		}
		if c.net != nil {
			t.Errorf("%s: the connection was kept", name)
		}
		c.close()
	}
	c := &conn{address: speak(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX: close\r\n\r\nshort")}
	if _, _, err := ask(t, c); err == nil {
		t.Error("a torn body was taken for an answer")
	}
}

func TestALineLongerThanTheBufferIsAnError(t *testing.T) {
	t.Parallel()
	c := &conn{address: speak(t, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("b", 5000)+"\r\n\r\n")}
	if _, _, err := ask(t, c); !errors.Is(err, bufio.ErrBufferFull) {
		t.Fatal(err)
	}
}

func TestSilenceEndsAtTheDeadline(t *testing.T) {
	t.Parallel()
	c := &conn{address: speak(t, "")}
	_, _, err := c.do(t.Context(), []byte("x\n"), time.Now().Add(30*time.Millisecond))
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatal(err)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	g, err := newGenerator("http://127.0.0.1:1", 2)
	if err != nil {
		t.Fatal(err)
	}
	tally, err := g.run(t.Context(), timing{length: 20 * time.Millisecond}, http.StatusOK, fixed([]byte("x\n\n")))
	if err == nil || tally.all != 0 || tally.broken == 0 {
		t.Fatalf("%v %+v", err, tally)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.run(ctx, timing{length: time.Hour}, 200, fixed([]byte("x\n\n"))); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// A path over TLS speaks what its name says, and one over new connections has one for each request.
func TestPathsOverTLSAndNewConnections(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	opened, spoken := 0, map[string]int{}
	c := newFakeProduct()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		spoken[r.Proto+" "+r.URL.Path]++
		mu.Unlock()
		c.status(w, r)
	}))
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if s == http.StateNew {
			opened++
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	cfg := short(t, c)
	cfg.Secure = Secure{Target: Target{URL: server.URL}, Roots: x509.NewCertPool()}
	cfg.Secure.Roots.AddCert(server.Certificate())
	if err := cfg.prepare(); err != nil {
		t.Fatal(err)
	}
	m, err := newMeter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	for _, want := range []struct {
		path, proto string
		fresh       bool
	}{
		{prefixSecure + pathStatus, "HTTP/1.1 /api/flash-sale/status", false}, {prefixSecure + pathPage, "HTTP/1.1 /", false},
		{prefixTwo + pathStatus, "HTTP/2.0 /api/flash-sale/status", false}, {prefixHandshake + pathStatus, "HTTP/1.1 /api/flash-sale/status", true},
	} {
		mu.Lock()
		opened, spoken = 0, map[string]int{}
		mu.Unlock()
		p := m.path(want.path)
		if err := m.measureSlice(t.Context(), p); err != nil {
			t.Fatalf("%s: %v", want.path, err)
		}
		mu.Lock()
		if n := p.slices[0].answers; n == 0 || len(spoken) != 1 || spoken[want.proto] != n || want.fresh && opened != n || !want.fresh && opened > cfg.Connections {
			t.Errorf("%s: %d answers, %v, %d connections", want.path, n, spoken, opened)
		}
		mu.Unlock()
		if p.partner() != strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(want.path, prefixHandshake), prefixSecure), prefixTwo) {
			t.Errorf("%s is compared with %q", want.path, p.partner())
		}
	}
}

// A client that knows the file believes an instance that has it.
func TestTheCertificateOfAMeasurement(t *testing.T) {
	t.Parallel()
	chain, private := filepath.Join(t.TempDir(), "chain.pem"), filepath.Join(t.TempDir(), "private.pem")
	roots, err := WriteCertificate(chain, private)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(chain, private)
	if err != nil {
		t.Fatal(err)
	}
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "127.0.0.1"})
	if err != nil {
		t.Error(err)
	}
}
