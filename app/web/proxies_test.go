package web

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/live"
)

// behindProxies trusts the peer from which world.send asks.
func behindProxies(c *Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("10.0.0.0/8")}
}

// In demo mode everybody is an operator, and a proxy in front means that everybody can be a stranger.
func TestDemoModeRefusesWhatAProxyHasForwarded(t *testing.T) {
	t.Parallel()
	w, public := newWorld(t), newWorld(t, func(c *Config) { c.DemoPublic = true })
	trusting := newWorld(t, behindProxies)
	for _, field := range []string{
		"Forwarded: for=203.0.113.9", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example",
		"X-Forwarded-Anything: 1", "X-Real-Ip: 203.0.113.9", "Via: 1.1 nginx", "X-Forwarded-For: 127.0.0.1",
	} {
		for _, ask := range [][3]string{
			{"POST", buy, `{"username":"alice"}`}, {"GET", "/api/flash-sale/status", ""}, {"POST", "/api/flash-sale/reset", ""}, {"GET", "/api/users", ""},
			{"GET", "/nowhere", ""}, {"GET", "/live", ""},
		} {
			res := w.send(t, ask[0], ask[1], ask[2], field)
			res.problem(t, 403, "forwarded")
			if !strings.Contains(res.raw, "DEMO_PUBLIC=true") {
				t.Errorf("%s does not say what to do: %s", field, res.raw)
			}
			trusting.send(t, ask[0], ask[1], ask[2], field).problem(t, 403, "forwarded")
			if strings.HasPrefix(ask[1], "/live") {
				continue
			}
			if res := public.send(t, ask[0], ask[1], ask[2], field); res.StatusCode == http.StatusForbidden {
				t.Errorf("DEMO_PUBLIC=true, %s: %s %s is answered %d", field, ask[0], ask[1], res.StatusCode)
			}
		}
		page := w.send(t, "GET", "/", "", field, "Accept: text/html")
		if page.StatusCode != http.StatusForbidden || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") || !strings.Contains(page.raw, "DEMO_PUBLIC=true") {
			t.Errorf("a browser gets %d %s", page.StatusCode, page.raw)
		}
		for _, probe := range []string{"/health", "/livez", "/readyz", "/problems/forwarded"} {
			if res := w.send(t, "GET", probe, "", field); res.StatusCode != http.StatusOK {
				t.Errorf("%s with %s: %d", probe, field, res.StatusCode)
			}
		}
	}
	if n := strings.Count(w.logged.String(), "DEMO_PUBLIC"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
	if asks := w.checkout.asks(); asks != 0 {
		t.Errorf("the checkout was asked %d times", asks)
	}
	w.send(t, "POST", buy, `{"username":"alice"}`, "X-Forward: 1", "Viaduct: 1", "X-Request-Id: 1").has(t, map[string]any{"success": true})
}

// A proxy that adds no field is seen by the origin that a browser names beside the Host field that the proxy has replaced.
func TestDemoModeRefusesAPageFromElsewhereBehindAReplacedHost(t *testing.T) {
	t.Parallel()
	w, public := newWorld(t), newWorld(t, func(c *Config) { c.DemoPublic = true })
	for origin, status := range map[string]int{
		"https://shop.somewhere": 403, "null": 403, "http://localhost.somewhere": 403,
		"http://localhost:3001": 201, "http://127.0.0.1:80": 201, "http://localhost:3000": 201, "https://shop.example": 201,
	} {
		if res := w.send(t, "POST", buy, `{"username":"alice"}`, "Origin: "+origin, "Sec-Fetch-Site: same-origin"); res.StatusCode != status {
			t.Errorf("a page of %s is answered %d %s", origin, res.StatusCode, res.raw)
		}
		if res := public.send(t, "POST", buy, `{"username":"alice"}`, "Origin: "+origin, "Sec-Fetch-Site: same-origin"); res.StatusCode != http.StatusCreated {
			t.Errorf("DEMO_PUBLIC=true: a page of %s is answered %d %s", origin, res.StatusCode, res.raw)
		}
	}
}

// The limit of purchases counts clients and not the proxy before them.
func TestClientsBehindATrustedProxyHaveLimitsOfTheirOwn(t *testing.T) {
	t.Parallel()
	press := func(w *world, fields ...string) int {
		return w.send(t, "POST", buy, `{"username":"alice"}`, append(fields, "Test-Session: alice")...).StatusCode
	}
	trusting := newWorld(t, accountsMode, pressOnce, behindProxies)
	for _, field := range []string{"X-Forwarded-For: 203.0.113.1", "X-Forwarded-For: 8.8.8.8, 203.0.113.2, 10.1.1.1", `Forwarded: for="[2001:db8:1::1]:80"`} {
		if status := press(trusting, field); status != 201 {
			t.Errorf("%s: the first press is answered %d", field, status)
		}
	}
	for _, field := range []string{"X-Forwarded-For: 9.9.9.9, 203.0.113.1", "X-Forwarded-For: 203.0.113.2:4711", "Forwarded: for=203.0.113.1", `Forwarded: for="[2001:db8:1::2]"`} {
		if status := press(trusting, field); status != 429 {
			t.Errorf("%s: the second press of that network is answered %d", field, status)
		}
	}
	unknown := newWorld(t, accountsMode, pressOnce)
	for i, field := range []string{"X-Forwarded-For: 203.0.113.1", "X-Forwarded-For: 203.0.113.2", "Forwarded: for=203.0.113.3"} {
		if status := press(unknown, field); (status == 201) != (i == 0) {
			t.Errorf("a peer that is not trusted says %s: press %d is answered %d", field, i+1, status)
		}
	}
}

// Somebody has forgotten TRUSTED_PROXIES, or writes such fields by hand.
func TestUnreadFieldsOfProxiesAreCountedAndSaidOnce(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	w := newWorld(t, accountsMode, func(c *Config) { c.Registerer, c.Gatherer = reg, reg })
	for range 3 {
		w.send(t, "GET", "/api/flash-sale/status", "", "X-Forwarded-For: 203.0.113.1")
	}
	w.send(t, "GET", "/api/flash-sale/status", "", "Via: 1.1 squid")
	logged := w.logged.String()
	if n := strings.Count(logged, "TRUSTED_PROXIES"); n != 1 || !strings.Contains(logged, `"peer":"192.0.2.7:40000"`) || strings.Contains(logged, "203.0.113.1") {
		t.Errorf("said %d times: %s", n, logged)
	}
	if shown := ask(t, w.OpsHandler(), "/metrics").raw; !strings.Contains(shown, "flashsale_forwarded_unread_total 3\n") {
		t.Error("not counted")
	}
	trusting := newWorld(t, accountsMode, behindProxies)
	trusting.send(t, "GET", "/api/flash-sale/status", "", "X-Forwarded-For: 203.0.113.1")
	if strings.Contains(trusting.logged.String(), "TRUSTED_PROXIES") {
		t.Error("a trusted proxy is complained about")
	}
}

// An old browser names its page's origin only. Behind a proxy that replaces the Host field it is compared with what the proxy says.
func TestTheOriginIsComparedWithTheHostThatTheClientAskedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		fields []string
		status int
	}{
		"a trusted proxy":            {behindProxies, []string{"Origin: https://shop.somewhere", "X-Forwarded-Host: shop.somewhere"}, 201},
		"another site behind it":     {behindProxies, []string{"Origin: https://evil.somewhere", "X-Forwarded-Host: shop.somewhere"}, 403},
		"a peer that is not trusted": {func(*Config) {}, []string{"Origin: https://shop.somewhere", "X-Forwarded-Host: shop.somewhere"}, 403},
	} {
		w := newWorld(t, accountsMode, c.change)
		if res := w.send(t, "POST", buy, `{"username":"alice"}`, append(c.fields, "Test-Session: alice")...); res.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.raw)
		}
	}
	demo := newWorld(t, behindProxies, func(c *Config) { c.DemoPublic = true })
	demo.send(t, "GET", "/api/flash-sale/status", "", "X-Forwarded-Host: evil.somewhere").problem(t, 421, "host")
	if res := demo.send(t, "GET", "/api/flash-sale/status", "", "X-Forwarded-Host: shop.example"); res.StatusCode != http.StatusOK {
		t.Errorf("a name of DEMO_HOSTS: %d %s", res.StatusCode, res.raw)
	}
}

// Outside demo mode one network cannot take the streams of all.
func TestANetworkHasAShareOfTheStreams(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	share := func(c *Config) { c.Hub = live.NewShared(5, 2) }
	w := newWorld(t, accountsMode, share, func(c *Config) {
		c.Registerer, c.Gatherer, c.TrustedProxies = reg, reg, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}
	})
	url := w.open(t) + "/api/flash-sale/stream"
	open := func(client string) *http.Response { return listen(t.Context(), t, url, "X-Forwarded-For: "+client).res }
	first := open("203.0.113.1")
	open("203.0.113.1")
	third := open("203.0.113.1")
	if third.StatusCode != http.StatusServiceUnavailable || third.Header.Get("Retry-After") == "" {
		t.Errorf("the third of a network: %d", third.StatusCode)
	}
	for _, other := range []string{"203.0.113.2", "2001:db8:1::1", "2001:db8:1:2::1"} {
		if res := open(other); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", other, res.StatusCode)
		}
	}
	if res := open("203.0.113.3"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one beyond the share of all: %d", res.StatusCode)
	}
	shown := ask(t, w.OpsHandler(), "/metrics").raw
	for _, line := range []string{
		"flashsale_live_streams 5\n", "flashsale_live_streams_limit 5\n",
		`flashsale_live_streams_refused_total{share="network"} 1`, `flashsale_live_streams_refused_total{share="all"} 1`,
	} {
		if !strings.Contains(shown, line) {
			t.Errorf("no line %s", line)
		}
	}
	if n := strings.Count(w.logged.String(), "live streams were refused"); n != 1 && n != 2 { // two when a minute begins between them
		t.Errorf("said %d times", n)
	}
	_ = first.Body.Close()
	waitFor(t, func() bool { return open("203.0.113.1").StatusCode == http.StatusOK })

	demo := newWorld(t, share)
	url = demo.open(t) + "/api/flash-sale/stream"
	for range 5 {
		if res := listen(t.Context(), t, url).res; res.StatusCode != http.StatusOK {
			t.Errorf("demo mode, where all have one address: %d", res.StatusCode)
		}
	}
}

// A page without a stream asks for the figures, and htmx puts them into the page.
func TestTheFiguresForAPageWithoutAStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res := w.send(t, "GET", "/status", "", "Hx-Request: true")
	if res.StatusCode != http.StatusOK || !strings.Contains(res.raw, `<hx-partial hx-target="#live"`) || !strings.Contains(res.raw, `data-testid="current-stock">3<`) {
		t.Errorf("%d %s", res.StatusCode, res.raw)
	}
	refused := newWorld(t, func(c *Config) { c.Hub = live.New(0) })
	for _, path := range []string{"/live", "/api/flash-sale/stream", "/api/sales/first/stream"} {
		res := refused.send(t, "GET", path, "")
		res.problem(t, 503, "too-many-streams")
		if res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", path)
		}
	}
	fragment := refused.send(t, "GET", "/live", "", "Hx-Request: true", "Accept: text/html, text/event-stream")
	if fragment.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(fragment.Header.Get("Content-Type"), "text/html") || fragment.Header.Get("Retry-After") == "" {
		t.Errorf("htmx gets %d %v", fragment.StatusCode, fragment.Header)
	}
}
