package request

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// parsedLoopback is what a text is without the short way for the usual spellings.
func parsedLoopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(strings.ToLower(name), "[]")
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.Zone() == "" && ip.Unmap().IsLoopback()
}

// FuzzLoopback: the short way for the usual spellings takes nothing that the parsers do not take.
func FuzzLoopback(f *testing.F) {
	for _, seed := range []string{
		"127.0.0.1:1", "127.0.0.1:65535", "127.0.0.1:65536", "127.0.0.1:99999", "127.0.0.1:00080", "127.0.0.1:000001", "127.0.0.1:",
		"127.0.0.1", "127.0.0.1:8o", "127.0.0.1:-1", "127.0.0.1: 80", "127.0.0.1:80:80", "127.0.0.1:80]", "127.0.0.10:80", "1127.0.0.1:80",
		"[127.0.0.1]:80", "127.0.0.1.example:80", "localhost:3000", "localhost", "localhost.:80", "localhost.example:80", "localhost:80[",
		"LOCALHOST:80", "[::1]:80", "192.0.2.1:80", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, at string) {
		if got := loopbackHost(at); got != parsedLoopback(at) {
			t.Errorf("as a host %q is %v", at, got)
		}
		from, err := netip.ParseAddrPort(at)
		here := err == nil && from.Addr().Unmap().IsLoopback()
		if got := OfThisMachine(&http.Request{RemoteAddr: at, Host: "localhost"}); got != here {
			t.Errorf("as an address %q is %v", at, got)
		}
	})
}

func TestASessionsCookieIsTakenOverTLSAndOnThisMachineOnly(t *testing.T) {
	t.Parallel()
	const both = "a=b; session=plain; __Host-session=secure"
	for name, test := range map[string]struct {
		from, host, cookies string
		tls                 bool
		want                string
	}{
		"over TLS":                        {"192.0.2.1:9", "shop.example", both, true, "secure"},
		"over TLS on this machine":        {"127.0.0.1:9", "localhost:3000", both, true, "secure"},
		"over TLS under the plain name":   {"127.0.0.1:9", "localhost:3000", "session=plain", true, ""},
		"on this machine":                 {"127.0.0.1:9", "localhost:3000", both, false, "plain"},
		"by its address":                  {"127.0.0.1:9", "127.0.0.1:3000", both, false, "plain"},
		"by its name without a port":      {"127.0.0.1:9", "localhost", both, false, "plain"},
		"by its name in capitals":         {"127.0.0.1:9", "LOCALHOST:3000", both, false, "plain"},
		"by IPv6":                         {"[::1]:9", "[::1]:3000", both, false, "plain"},
		"by IPv4 as IPv6":                 {"[::ffff:127.0.0.1]:9", "[::1]", both, false, "plain"},
		"on this machine, secure name":    {"127.0.0.1:9", "localhost:3000", "__Host-session=secure", false, ""},
		"from elsewhere":                  {"192.0.2.1:9", "localhost:3000", both, false, ""},
		"from elsewhere with such a name": {"127.0.0.1.example:9", "localhost:3000", both, false, ""},
		"from a name":                     {"localhost:9", "localhost:3000", both, false, ""},
		"to another name":                 {"127.0.0.1:9", "shop.example:3000", both, false, ""},
		"to a name that begins like it":   {"127.0.0.1:9", "localhost.example:3000", both, false, ""},
		"to an address that begins so":    {"127.0.0.1:9", "127.0.0.1.example:3000", both, false, ""},
		"without an address":              {"@", "localhost:3000", both, false, ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr, r.Host, r.Header["Cookie"] = test.from, test.host, []string{test.cookies}
		if test.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if got := sessionCookie(r); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		delete(r.Header, "Cookie")
		if got := sessionCookie(r); got != "" {
			t.Errorf("%s, without a cookie: %q", name, got)
		}
	}
}

// BenchmarkSessionCookie is what it costs to find a session's cookie over HTTP on this machine.
func BenchmarkSessionCookie(b *testing.B) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.RemoteAddr, r.Host, r.Header["Cookie"] = "127.0.0.1:54321", "127.0.0.1:3000", []string{"session=" + strings.Repeat("x", 126)}
	b.ReportAllocs()
	for b.Loop() {
		if sessionCookie(r) == "" {
			b.Fatal("it is not found")
		}
	}
}
