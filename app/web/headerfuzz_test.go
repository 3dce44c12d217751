package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"flashsale/app/web/request"
)

// FuzzWhereARequestComesFrom: another site's page never causes an act, a foreign Host never reaches demo mode, no origin is
// allowed that is not configured, and nothing that a client writes about a proxy changes any of that.
func FuzzWhereARequestComesFrom(f *testing.F) {
	for _, seed := range [][4]string{
		{"localhost:3001", "", "", ""}, {"localhost", "http://localhost", "", "x"}, {"[::1]:80", "http://[::1]:80", "same-origin", "evil.example"},
		{"evil.example", "http://evil.example", "same-origin", "localhost"}, {"localhost:3001", "null", "cross-site", ""},
		{"localhost:3001", "http://localhost:3000", "cross-site", ""}, {"localhost:3001", "http://localhost:3000.evil.example", "", ""},
		{"localhost:3001", "http://localhost:3001@evil.example", "", ""}, {"LOCALHOST.", "file://", "none", ""}, {"shop.example:1", "\x00", "same-site", ""},
		{"localhost@evil.example", "http://", "", ""}, {"[::1", "http://[::1", "", ""}, {"127.0.0.1:", "http://127.0.0.1:", "", ""}, {"", "", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	// A second, independent list of the local names.
	ours := regexp.MustCompile(`(?i)^(localhost|127\.0\.0\.1|\[::1\]|shop\.example)(:.*)?$`)
	w := quietWorld(f, func(c *Config) { c.DemoPublic = true }) // else it refuses what a proxy has forwarded
	f.Fuzz(func(t *testing.T, host, origin, site, forwarded string) {
		h := http.Header{}
		for name, value := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site} {
			if value != "" {
				h[name] = []string{value}
			}
		}
		plain := w.purchase(t, host, h)
		if plain.StatusCode == http.StatusCreated {
			if !ours.MatchString(host) {
				t.Fatalf("demo mode answers to %q", host)
			}
			from, err := url.Parse(origin)
			foreign := origin != "" && (err != nil || !strings.EqualFold(from.Host, host)) && !strings.EqualFold(origin, "http://localhost:3000")
			if foreign && site != "same-origin" && site != "none" || site == "cross-site" && foreign {
				t.Fatalf("a page of %q (%q) sent a purchase to %q", origin, site, host)
			}
		} else {
			plain.refusedClearly(t, h)
		}
		if allowed := plain.Header.Get("Access-Control-Allow-Origin"); allowed != "" && !strings.EqualFold(allowed, "http://localhost:3000") {
			t.Fatalf("%q may call", allowed)
		}
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "X-Original-Url"} {
			h[name] = []string{forwarded}
		}
		if told := w.purchase(t, host, h); told.raw != plain.raw || told.StatusCode != plain.StatusCode {
			t.Fatalf("%q said by a proxy that nobody knows: %d %s instead of %d", forwarded, told.StatusCode, told.raw, plain.StatusCode)
		}
	})
}

// purchase sends a purchase request with just these fields.
func (w *world) purchase(t testing.TB, host string, h http.Header) reply {
	t.Helper()
	w.forget()
	r := http.Header{"Content-Type": {"application/json"}}
	for name, values := range h {
		r[name] = values
	}
	return w.asks(t, asking{host, "192.0.2.7:40000", http.MethodPost, "/api/flash-sale/purchase", "", []byte(`{"username":"alice"}`), r})
}

// FuzzNetworkOfAClient: a client uses the bucket of the address it connects from. Its port, the rest of its IPv6 network, and
// what it writes into fields of the request give it no second bucket.
func FuzzNetworkOfAClient(f *testing.F) {
	f.Add("192.0.2.7", uint16(1), uint16(2), "10.0.0.1", byte(0))
	f.Add("2001:db8:1:2::1", uint16(1), uint16(65535), "for=192.0.2.1", byte(255))
	f.Add("::ffff:192.0.2.7", uint16(9), uint16(9), "unknown, _hidden", byte(1))
	f.Add("fe80::1%eth0", uint16(80), uint16(81), "\r\nX: y", byte(7))
	f.Fuzz(func(t *testing.T, address string, port, other uint16, forwarded string, last byte) {
		ip, err := netip.ParseAddr(address)
		if err != nil {
			return // a connection has an address
		}
		w := quietWorld(t, accountsMode, pressOnce)
		at := func(address string, port uint16, fields ...string) int {
			h := http.Header{"Test-Session": {"alice"}}
			for _, name := range fields {
				h[name] = []string{forwarded}
			}
			ask := asking{"localhost", net.JoinHostPort(address, strconv.Itoa(int(port))), http.MethodPost, "/api/flash-sale/purchase", "", nil, h}
			return w.asks(t, ask).StatusCode
		}
		if status := at(address, port); status != http.StatusCreated {
			t.Fatalf("%q: the first request is answered %d", address, status)
		}
		again := at(address, other, "X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip")
		if ip.Is6() && !ip.Is4In6() && ip.Zone() == "" {
			neighbour := ip.As16()
			neighbour[15], neighbour[8] = neighbour[15]^last, neighbour[8]^last
			again = min(again, at(netip.AddrFrom16(neighbour).String(), port))
		}
		if again != http.StatusTooManyRequests {
			t.Fatalf("%q has another bucket: answered %d", address, again)
		}
	})
}

// FuzzFieldsOfAPurchase: what the checkout is told about a purchase request is what its fields say, whole or not at all.
func FuzzFieldsOfAPurchase(f *testing.F) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, seed := range [][4]string{
		{"key-1", "respond-async", trace, "id-1"}, {"", "", "", ""}, {strings.Repeat("k", 256), "wait=5, respond-async;x=1", strings.ToUpper(trace), "a b"},
		{"a", `foo="a, respond-async, b"`, "00-" + strings.Repeat("0", 32) + trace[35:], "x\r\ny"}, {"é", "Respond-Async=\"\"", trace + "-x", strings.Repeat("i", 65)},
		{" ", "respond-asynchronously", "01" + trace[2:], "-"}, {"k", `x="\", respond-async`, trace[:54], "_"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	wellFormed := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
	zeros := regexp.MustCompile(`-0+-`)
	validID := regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	validKey := regexp.MustCompile(`^[\x20-\x7e]{1,255}$`)
	w := quietWorld(f)
	f.Fuzz(func(t *testing.T, key, prefer, trace, id string) {
		res := w.purchase(t, "localhost", http.Header{
			"Idempotency-Key": {key}, "Prefer": {prefer}, "Traceparent": {trace}, "X-Request-Id": {id},
		})
		if given := res.Header.Get("X-Request-Id"); !validID.MatchString(given) || validID.MatchString(id) && given != id {
			t.Fatalf("the request %q is called %q", id, given)
		}
		if !validKey.MatchString(key) {
			if res.refusedClearly(t, key); firstField(res) != "Idempotency-Key" {
				t.Fatalf("%q: %s", key, res.raw)
			}
			return
		}
		if len(w.checkout.requests) != 1 {
			t.Fatalf("%q %q %q: %d %s", key, prefer, trace, res.StatusCode, res.raw)
		}
		asked := w.checkout.requests[0]
		want := trace
		if !wellFormed.MatchString(trace) || zeros.MatchString(trace) {
			want = ""
		}
		if asked.IdempotencyKey != key || asked.Traceparent != want {
			t.Fatalf("%q %q: the checkout was asked %+v", key, trace, asked)
		}
		if asked.Async && !strings.Contains(strings.ToLower(prefer), "respond-async") {
			t.Fatalf("%q asks for no early answer", prefer)
		}
		quoted := `other="` + strings.NewReplacer(`"`, "", `\`, "").Replace(prefer) + `"`
		if request.PrefersAsync(&http.Request{Header: http.Header{"Prefer": {quoted}}}) {
			t.Fatalf("%s asks for no early answer: that is a text of another preference", quoted)
		}
	})
}
