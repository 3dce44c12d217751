package instance

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"flashsale/app/instance/instancetest"
)

// reverseProxy is a proxy in front of an instance that does as nginx does with its usual settings: it asks for localhost, and adds
// the address of its client to X-Forwarded-For.
func reverseProxy(t *testing.T, a *Instance) string {
	t.Helper()
	product, err := url.Parse(a.URL())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(product)
			r.Out.Host = product.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
		},
	})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// clientFrom is a client with another address of this machine.
func clientFrom(t *testing.T, address, base string) *instancetest.Client {
	t.Helper()
	c := instancetest.NewClient(t, base)
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	c.HTTP.Transport = transport
	return c
}

// Whoever reaches the proxy would be an operator of the demo behind it.
func TestADemoBehindAProxyRefusesWhatItForwards(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	through, direct := instancetest.NewClient(t, reverseProxy(t, a)), instancetest.NewClient(t, a.URL())
	before := direct.Status().Number("generation")
	through.Buy("john_doe").Is(t, http.StatusForbidden, "forwarded")
	through.Call(http.MethodPost, "/api/flash-sale/reset", nil).Is(t, http.StatusForbidden, "forwarded")
	through.Call(http.MethodGet, "/api/flash-sale/stream", nil).Is(t, http.StatusForbidden, "forwarded")
	if page := through.Act(http.MethodGet, "/", nil, "Accept: text/html"); page.Status != http.StatusForbidden || !strings.Contains(page.Raw, "DEMO_PUBLIC=true") {
		t.Errorf("a browser gets %d %s", page.Status, page.Raw)
	}
	for _, probe := range []string{"/health", "/livez", "/readyz"} {
		if r := through.Call(http.MethodGet, probe, nil); r.Status != http.StatusOK {
			t.Errorf("%s: %d", probe, r.Status)
		}
	}
	if direct.Status().Number("generation") != before || direct.Buy("john_doe").Status != http.StatusCreated {
		t.Error("something was done for a stranger, or nothing for whoever is here")
	}

	d.Config.DemoPublic = true
	through = instancetest.NewClient(t, reverseProxy(t, d.start(t)))
	if r := through.Buy("jane_smith"); r.Status != http.StatusCreated {
		t.Errorf("DEMO_PUBLIC=true: %d %s", r.Status, r.Raw)
	}
}

// count is how often a text stands in the log.
func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// streamsOf opens streams for a client until one is refused, and says how many were open then.
func streamsOf(t *testing.T, c *instancetest.Client, most int) int {
	t.Helper()
	for n := range most {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+"/api/flash-sale/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.HTTP.Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		if res.StatusCode != http.StatusOK {
			return n
		}
	}
	return most
}

// Two clients behind one proxy are two addresses. Streams show it: outside demo mode each network has a share of them.
func TestTwoClientsBehindATrustedProxyAreTwoAddresses(t *testing.T) {
	t.Parallel()
	const places, share = 64, 64 / 2 / networkShare
	d, log := newDeployment(t), &lines{}
	d.Config.Demo = false
	d.Log = slog.New(slog.NewTextHandler(log, nil))
	d.Config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	proxy := reverseProxy(t, d.start(t, withPlaces(places)))
	for _, client := range []string{"127.0.0.2", "127.0.0.3"} {
		if n := streamsOf(t, clientFrom(t, client, proxy), 2*share); n != share {
			t.Errorf("%s has %d streams, want %d", client, n, share)
		}
	}
	if n := log.count("TRUSTED_PROXIES"); n != 0 {
		t.Errorf("the log complains %d times of a trusted proxy", n)
	}

	// The same without TRUSTED_PROXIES: both are the proxy, whatever they write, and the log says so once.
	d.Config.TrustedProxies = nil
	proxy = reverseProxy(t, d.start(t, withPlaces(places)))
	sum := streamsOf(t, clientFrom(t, "127.0.0.2", proxy), 2*share) + streamsOf(t, clientFrom(t, "127.0.0.3", proxy), 2*share)
	if sum != share {
		t.Errorf("behind a proxy that nobody trusts two clients have %d streams, want %d together", sum, share)
	}
	if n := log.count("TRUSTED_PROXIES"); n != 1 {
		t.Errorf("the log says %d times that the proxy is not known", n)
	}
}

// A PROXY header is mandatory, and comes from trusted peers only. The share of streams shows whose address counts.
func TestClientsBehindAPROXYHeaderAreTheirOwnAddresses(t *testing.T) {
	t.Parallel()
	const places, share = 64, 64 / 2 / networkShare
	d := newDeployment(t)
	d.Config.Demo, d.Config.ProxyProtocol = false, true
	d.Config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	a := d.start(t, withPlaces(places))
	said := func(from, header string) *instancetest.Client {
		c := instancetest.NewClient(t, strings.Replace(a.URL(), "localhost", "127.0.0.1", 1))
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err == nil {
				_, err = conn.Write([]byte(header))
			}
			return conn, err
		}}
		t.Cleanup(transport.CloseIdleConnections)
		c.HTTP.Transport = transport
		return c
	}
	for _, client := range []string{"203.0.113.1", "203.0.113.2"} {
		c := said("127.0.0.1", "PROXY TCP4 "+client+" 192.0.2.1 4711 80\r\n")
		if n := streamsOf(t, c, 2*share); n != share {
			t.Errorf("%s has %d streams, want %d", client, n, share)
		}
		if r := c.Call(http.MethodGet, "/api/flash-sale/status", nil); r.Status != http.StatusOK {
			t.Errorf("%s: the status is answered %d", client, r.Status)
		}
	}
	for name, c := range map[string]*instancetest.Client{
		"without a header":                  said("127.0.0.1", ""),
		"from a peer that is not trusted":   said("127.0.0.2", "PROXY TCP4 203.0.113.3 192.0.2.1 4711 80\r\n"),
		"from such a peer without a header": said("127.0.0.2", ""),
	} {
		if r, err := c.Try(http.MethodGet, "/livez", nil); err == nil && r.Status == http.StatusOK {
			t.Errorf("%s: answered %d", name, r.Status)
		}
	}
	if r := said("127.0.0.1", "PROXY UNKNOWN\r\n").Call(http.MethodGet, "/livez", nil); r.Status != http.StatusOK {
		t.Errorf("a health check of the proxy is answered %d", r.Status)
	}
}
