package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// behindProxy serves whoever comes by a PROXY header of a trusted peer, and answers with the client's address.
func behindProxy(t *testing.T, trusted ...string) (*Limiter, string) {
	t.Helper()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	var networks []netip.Prefix
	for _, one := range trusted {
		networks = append(networks, netip.MustParsePrefix(one))
	}
	limiter := NewLimiter(100)
	srv := HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) }))
	srv.ConnState = limiter.ConnState
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(limiter.Listener(ProxyProtocol(inner, networks))) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return limiter, inner.Addr().String()
}

// said sends bytes and gives the body of the answer, or "" when the connection ends without one.
func said(t *testing.T, address, bytes string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	must(t, err)
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, _ = io.WriteString(conn, bytes)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	return string(body)
}

const askRequest = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

// second is a header of version 2.
func second(t *testing.T, h *proxyproto.Header) string {
	t.Helper()
	raw, err := h.Format()
	must(t, err)
	return string(raw)
}

func TestAPROXYHeaderSaysFromWhereTheClientComes(t *testing.T) {
	t.Parallel()
	_, address := behindProxy(t, "127.0.0.0/8")
	four, six := &net.TCPAddr{IP: net.ParseIP("203.0.113.9"), Port: 4711}, &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 4711}
	to4, to6 := &net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 80}, &net.TCPAddr{IP: net.ParseIP("2001:db8::2"), Port: 80}
	for name, c := range map[string]struct{ header, client string }{
		"version 1":                              {"PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n", "203.0.113.9:4711"},
		"version 1, IPv6":                        {"PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n", "[2001:db8::1]:4711"},
		"version 2":                              {second(t, proxyproto.HeaderProxyFromAddrs(2, four, to4)), "203.0.113.9:4711"},
		"version 2, IPv6":                        {second(t, proxyproto.HeaderProxyFromAddrs(2, six, to6)), "[2001:db8::1]:4711"},
		"a health check of the proxy":            {"PROXY UNKNOWN\r\n", "127.0.0.1:"},
		"a health check of the proxy, version 2": {second(t, &proxyproto.Header{Version: 2, Command: proxyproto.LOCAL}), "127.0.0.1:"},
	} {
		if got := said(t, address, c.header+askRequest); got == "" || !strings.HasPrefix(got, c.client) {
			t.Errorf("%s: the client is %q, want %s", name, got, c.client)
		}
	}
	for name, bytes := range map[string]string{
		"no header":            askRequest,
		"not a client of TCP":  second(t, &proxyproto.Header{Version: 2, Command: proxyproto.PROXY, TransportProtocol: proxyproto.UnixStream, SourceAddr: &net.UnixAddr{Name: "/a", Net: "unix"}, DestinationAddr: &net.UnixAddr{Name: "/b", Net: "unix"}}) + askRequest,
		"a malformed one":      "PROXY TCP4 203.0.113.900 192.0.2.1 4711 80\r\n" + askRequest,
		"one without an end":   "PROXY " + strings.Repeat("x", 1000) + askRequest,
		"one of 60 KiB":        "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xf0\x00" + strings.Repeat("x", 0xf000) + askRequest,
		"half of one":          "PROXY TCP4 203",
		"another one after it": "PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\nPROXY TCP4 203.0.113.8 192.0.2.1 4711 80\r\n" + askRequest,
	} {
		if got := said(t, address, bytes); strings.Contains(got, "203.0.113.8") || strings.HasPrefix(got, "127.0.0.1") {
			t.Errorf("%s: answered %q", name, got)
		}
	}
}

func TestOnlyTrustedProxiesMayConnect(t *testing.T) {
	t.Parallel()
	limiter, address := behindProxy(t, "192.0.2.0/24")
	for _, header := range []string{"", "PROXY TCP4 192.0.2.9 192.0.2.1 4711 80\r\n", "PROXY UNKNOWN\r\n"} {
		if got := said(t, address, header+askRequest); got != "" {
			t.Errorf("%q is answered for %q", header, got)
		}
	}
	if n := limiter.Open(); n != 0 {
		t.Errorf("%d connections of strangers are open", n)
	}
}

// A header that does not come is waited for by its own connection only.
func TestASlowPROXYHeaderKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	_, address := behindProxy(t, "127.0.0.1/32")
	for range 20 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
	}
	began := time.Now()
	if got := said(t, address, "PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n"+askRequest); got != "203.0.113.9:4711" {
		t.Errorf("answered %q", got)
	}
	if took := time.Since(began); took > 20*proxyHeaderTime/2 {
		t.Errorf("it took %v", took)
	}
	silent, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	must(t, err)
	defer func() { _ = silent.Close() }()
	must(t, silent.SetReadDeadline(time.Now().Add(time.Minute)))
	if n, err := silent.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("a connection without a header gets %d bytes and ends with %v", n, err)
	}
}

// Live updates are written to the socket itself, also behind a PROXY header.
func TestTheSocketBehindAPROXYHeaderCanBeWrittenTo(t *testing.T) {
	t.Parallel()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	l := NewLimiter(1).Listener(ProxyProtocol(inner, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}))
	t.Cleanup(func() { _ = l.Close() })
	client := visit(t, l)
	_, _ = fmt.Fprint(client, "PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n")
	conn := (await(t, accepted(l))).(*trackedConn)
	raw, err := conn.SyscallConn()
	must(t, err)
	must(t, raw.Write(func(uintptr) bool { return true }))
	if at := conn.RemoteAddr().String(); at != "203.0.113.9:4711" {
		t.Errorf("the client is %s", at)
	}
}

// Whether the client's own connection has TLS is what a header of version 2 says; where it says nothing, the connection of the proxy
// counts, which has none here.
func TestThePROXYHeaderSaysWhetherTheClientHasTLS(t *testing.T) {
	t.Parallel()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	limiter := NewLimiter(100)
	srv := HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.TLS != nil) }))
	srv.ConnState = limiter.ConnState
	BehindProxies(srv)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(limiter.Listener(ProxyProtocol(inner, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")})))
	}()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	from := func(version byte, ssl ...byte) string {
		h := proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4000}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443})
		if ssl != nil {
			must(t, h.SetTLVs([]proxyproto.TLV{{Type: proxyproto.PP2_TYPE_SSL, Value: ssl}}))
		}
		return second(t, h)
	}
	version := []byte{0x21, 0, 7, 'T', 'L', 'S', 'v', '1', '.', '3'}
	for name, c := range map[string]struct{ header, want string }{
		"version 1":            {from(1), "false"},
		"says nothing":         {from(2), "false"},
		"TLS":                  {from(2, append([]byte{1, 0, 0, 0, 0}, version...)...), "true"},
		"no TLS":               {from(2, append([]byte{0, 0, 0, 0, 0}, version...)...), "false"},
		"what nobody can read": {from(2, 1, 0), "false"},
		"TLS, without a check": {from(2, append([]byte{1, 0, 0, 0, 1}, version...)...), "true"},
	} {
		if got := said(t, inner.Addr().String(), c.header+askRequest); got != c.want {
			t.Errorf("%s: TLS %s, want %s", name, got, c.want)
		}
	}
}
