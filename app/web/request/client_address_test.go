package request

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// located is where a request with these fields, "Name: value", comes from: the peer is one of ours, 10.0.0.9.
func located(t testing.TB, fields ...string) (client, host string) {
	t.Helper()
	return locatedFrom(t, "10.0.0.9:1234", fields...)
}

func locatedFrom(t testing.TB, peer string, fields ...string) (client, host string) {
	t.Helper()
	p := newProxies([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:f::/48")}, false, NewLog(slog.New(slog.DiscardHandler)), nil)
	r := &http.Request{RemoteAddr: peer, Header: http.Header{}}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	host = p.locate(r).host
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		t.Fatalf("%q: RemoteAddr is %q", fields, r.RemoteAddr)
	}
	return at.Addr().String(), host
}

func TestTheClientIsTheRightmostAddressThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	const peer = "10.0.0.9"
	for name, c := range map[string]struct {
		fields []string
		client string
	}{
		"no field":                          {nil, peer},
		"one address":                       {[]string{"X-Forwarded-For: 192.0.2.1"}, "192.0.2.1"},
		"what the client wrote stands left": {[]string{"X-Forwarded-For: 203.0.113.9, 192.0.2.1"}, "192.0.2.1"},
		"and may be anything":               {[]string{"X-Forwarded-For: ;\"%, 192.0.2.1"}, "192.0.2.1"},
		"our proxies in between":            {[]string{"X-Forwarded-For: 192.0.2.1, 10.1.1.1 ,10.0.0.2"}, "192.0.2.1"},
		"in several lines":                  {[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 192.0.2.1, 10.1.1.1", "X-Forwarded-For: 10.0.0.2"}, "192.0.2.1"},
		"all ours":                          {[]string{"X-Forwarded-For: 10.1.1.1, 10.0.0.2"}, "10.1.1.1"},
		"with a port":                       {[]string{"X-Forwarded-For: 192.0.2.1:4711"}, "192.0.2.1"},
		"IPv6":                              {[]string{"X-Forwarded-For: 2001:db8::1, 2001:db8:f::7"}, "2001:db8::1"},
		"IPv6 with brackets and port":       {[]string{"X-Forwarded-For: [2001:db8::1]:4711"}, "2001:db8::1"},
		"IPv4 written as IPv6":              {[]string{"X-Forwarded-For: ::ffff:192.0.2.1, ::ffff:10.0.0.2"}, "192.0.2.1"},
		"malformed":                         {[]string{"X-Forwarded-For: 192.0.2.1, nonsense"}, peer},
		"malformed behind one of ours":      {[]string{"X-Forwarded-For: 192.0.2.1, 192.0.2.300, 10.0.0.2"}, peer},
		"empty":                             {[]string{"X-Forwarded-For: "}, peer},
		"an empty last one":                 {[]string{"X-Forwarded-For: 192.0.2.1,"}, peer},
		"an unknown one":                    {[]string{"X-Forwarded-For: 192.0.2.1, unknown"}, peer},
		"an interface":                      {[]string{"X-Forwarded-For: fe80::1%eth0"}, peer},
		"too many":                          {[]string{"X-Forwarded-For: 192.0.2.1" + strings.Repeat(", 10.0.0.2", maxHops)}, peer},
		"X-Real-Ip does not count":          {[]string{"X-Real-Ip: 192.0.2.1"}, peer},
		"Forwarded":                         {[]string{"Forwarded: for=192.0.2.1"}, "192.0.2.1"},
		"with other parameters":             {[]string{`Forwarded: proto=https;For="192.0.2.1:80"; by=_gazonk ;host=shop.example`}, "192.0.2.1"},
		"IPv6 in quotes":                    {[]string{`Forwarded: for="[2001:db8::1]:4711";by="[2001:db8:f::7]"`}, "2001:db8::1"},
		"quoted pairs":                      {[]string{`Forwarded: for="192\.0.2.1"`}, "192.0.2.1"},
		"several hops in several lines":     {[]string{"Forwarded: for=203.0.113.9, for=192.0.2.1", "Forwarded: for=10.0.0.2"}, "192.0.2.1"},
		"empty elements":                    {[]string{"Forwarded: , for=192.0.2.1;,, "}, "192.0.2.1"},
		"hidden":                            {[]string{"Forwarded: for=192.0.2.1, for=_hidden"}, peer},
		"hidden port":                       {[]string{`Forwarded: for="192.0.2.1:_p1"`}, "192.0.2.1"},
		"unknown":                           {[]string{"Forwarded: for=192.0.2.1, for=Unknown"}, peer},
		"hidden left of the client":         {[]string{"Forwarded: for=_hidden, for=192.0.2.1"}, "192.0.2.1"},
		"without an address":                {[]string{"Forwarded: for=192.0.2.1, proto=https"}, peer},
		"IPv6 without quotes":               {[]string{"Forwarded: for=[2001:db8::1]"}, peer},
		"IPv6 without brackets":             {[]string{`Forwarded: for="2001:db8::1"`}, peer},
		"a port that is none":               {[]string{`Forwarded: for="192.0.2.1:123456"`}, peer},
		"twice in one hop":                  {[]string{"Forwarded: for=192.0.2.1;for=192.0.2.2"}, peer},
		"no value":                          {[]string{"Forwarded: for="}, peer},
		"no name":                           {[]string{"Forwarded: =192.0.2.1"}, peer},
		"space around =":                    {[]string{"Forwarded: for = 192.0.2.1"}, peer},
		"a quote that the client left open": {[]string{`Forwarded: for="203.0.113.9, for=192.0.2.1`}, peer},
		"and one in a line of its own":      {[]string{`Forwarded: for=203.0.113.9;by="`, `Forwarded: for="[2001:db8::1]"`}, peer},
		"malformed left of the client":      {[]string{"Forwarded: for=?, for=192.0.2.1"}, peer},
		"too many in Forwarded":             {[]string{"Forwarded: for=192.0.2.1" + strings.Repeat(", for=10.0.0.2", maxHops)}, peer},
		"both, of one mind":                 {[]string{"Forwarded: for=192.0.2.1", "X-Forwarded-For: 203.0.113.9, 192.0.2.1"}, "192.0.2.1"},
		"both, and one is the client's own": {[]string{"Forwarded: for=203.0.113.9", "X-Forwarded-For: 192.0.2.1"}, peer},
		"both, and the other one is":        {[]string{"Forwarded: for=192.0.2.1", "X-Forwarded-For: 203.0.113.9"}, peer},
		"both, and one is malformed":        {[]string{"Forwarded: for=?", "X-Forwarded-For: 192.0.2.1"}, peer},
		"both, and one says nothing":        {[]string{"Forwarded: for=192.0.2.1", "X-Forwarded-For: "}, peer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if client, _ := located(t, c.fields...); client != c.client {
				t.Errorf("%q come from %s, want %s", c.fields, client, c.client)
			}
		})
	}
}

func TestAPeerThatIsNotTrustedIsTheClient(t *testing.T) {
	t.Parallel()
	for _, peer := range []string{"192.0.2.7:1234", "[2001:db8::1]:1234"} {
		want := netip.MustParseAddrPort(peer).Addr().String()
		client, host := locatedFrom(t, peer, "X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9;host=shop.example", "X-Forwarded-Host: shop.example")
		if client != want || host != "" {
			t.Errorf("%s became %s, host %q", peer, client, host)
		}
	}
	for _, peer := range []string{"[::ffff:10.0.0.9]:1234", "[2001:db8:f::1]:1234"} {
		if client, _ := locatedFrom(t, peer, "X-Forwarded-For: 203.0.113.9"); client != "203.0.113.9" {
			t.Errorf("%s is trusted, and its client is %s", peer, client)
		}
	}
}

func TestTheHostThatTheClientAskedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fields []string
		host   string
	}{
		"none":                      {[]string{"X-Forwarded-For: 192.0.2.1"}, ""},
		"X-Forwarded-Host":          {[]string{"X-Forwarded-Host: shop.example:8443"}, "shop.example:8443"},
		"several":                   {[]string{"X-Forwarded-Host: shop.example, inner"}, ""},
		"several lines":             {[]string{"X-Forwarded-Host: shop.example", "X-Forwarded-Host: inner"}, ""},
		"Forwarded, of the client":  {[]string{`Forwarded: for=192.0.2.1;host="shop.example:8443", for=10.0.0.2;host=inner`}, "shop.example:8443"},
		"both":                      {[]string{"Forwarded: for=192.0.2.1;host=shop.example", "X-Forwarded-Host: Shop.example"}, "Shop.example"},
		"both, of different minds":  {[]string{"Forwarded: for=192.0.2.1;host=shop.example", "X-Forwarded-Host: evil.example"}, ""},
		"a malformed field":         {[]string{`Forwarded: for=192.0.2.1;host="`}, ""},
		"what the client wrote":     {[]string{"Forwarded: for=203.0.113.9;host=evil.example, for=192.0.2.1"}, ""},
		"the client is not certain": {[]string{"Forwarded: for=192.0.2.1;host=shop.example", "X-Forwarded-For: 203.0.113.9"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, host := located(t, c.fields...); host != c.host {
				t.Errorf("%q ask for %q, want %q", c.fields, host, c.host)
			}
		})
	}
}

// FuzzForwarded: whatever stands in the fields, the client of a trusted peer is the peer or an address that the fields hold, and
// what a client puts before that which a proxy appends changes nothing, or makes the peer the client.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{
		"", "for=192.0.2.1", `for="[2001:db8::1]:80";proto=https, for=10.0.0.2`, `for="`, `for=203.0.113.9;by="`, "192.0.2.1", "::1, unknown", `a="\`, ",;=", `for="a\"", for=_x`, "for=1.2.3.4;;FOR=5.6.7.8",
		`for=203.0.113.9;by="", `, "203.0.113.9,", strings.Repeat("10.0.0.2,", 40),
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, written string, apart bool) {
		for field, appended := range map[string][]string{
			fieldForwardedFor: {"192.0.2.1", "2001:db8::1", "192.0.2.1:80, 10.0.0.2"},
			fieldForwarded: {"for=192.0.2.1", `for="[2001:db8::1]:80"`, `for=192.0.2.1;by="10.0.0.9:80"`, `by="_x";for="192.0.2.1"`,
				`for=192.0.2.1, for="10.0.0.2";proto=http`},
		} {
			client, _ := located(t, field+": "+written)
			if client != "10.0.0.9" && !heldIn(written, client) {
				t.Fatalf("%s %q: the client is %s", field, written, client)
			}
			for _, last := range appended {
				lines := []string{field + ": " + written, field + ": " + last}
				if !apart {
					lines = []string{field + ": " + written + ", " + last}
				}
				client, _ := located(t, lines...)
				if client != "10.0.0.9" && client != "192.0.2.1" && client != "2001:db8::1" {
					t.Fatalf("%q: the client is %s", lines, client)
				}
			}
		}
	})
}

// heldIn reports whether a text holds an address, in whatever form it is written.
func heldIn(text, address string) bool {
	text = strings.ReplaceAll(text, `\`, "")
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF:.", r) }) {
		for end := len(part); end > 0; end-- {
			if from, err := netip.ParseAddr(part[:end]); err == nil && from.Unmap().String() == address {
				return true
			}
		}
	}
	return false
}

// Whether a client has TLS: by its own connection, or by the word of a proxy that is trusted. In doubt it has none.
func TestSecureIsATrustedProxysWordOnly(t *testing.T) {
	t.Parallel()
	own := &tls.ConnectionState{Version: tls.VersionTLS13}
	for name, c := range map[string]struct {
		peer   string
		own    *tls.ConnectionState
		fields []string
		want   bool
	}{
		"a plain connection":                {"10.0.0.9:1", nil, nil, false},
		"its own TLS":                       {"192.0.2.1:1", own, nil, true},
		"a stranger's word":                 {"192.0.2.1:1", nil, []string{"X-Forwarded-Proto: https", "Forwarded: for=192.0.2.7;proto=https"}, false},
		"a stranger's word takes nothing":   {"192.0.2.1:1", own, []string{"X-Forwarded-Proto: http"}, true},
		"a proxy's word":                    {"10.0.0.9:1", nil, []string{"X-Forwarded-Proto: https"}, true},
		"with an address":                   {"10.0.0.9:1", nil, []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: HTTPS"}, true},
		"Forwarded":                         {"10.0.0.9:1", nil, []string{"Forwarded: for=192.0.2.1;proto=https"}, true},
		"both":                              {"10.0.0.9:1", nil, []string{"Forwarded: for=192.0.2.1;proto=https", "X-Forwarded-Proto: https"}, true},
		"two words":                         {"10.0.0.9:1", nil, []string{"Forwarded: for=192.0.2.1;proto=http", "X-Forwarded-Proto: https"}, false},
		"a list":                            {"10.0.0.9:1", nil, []string{"X-Forwarded-Proto: https, http"}, false},
		"two lines":                         {"10.0.0.9:1", nil, []string{"X-Forwarded-Proto: https", "X-Forwarded-Proto: https"}, false},
		"nonsense":                          {"10.0.0.9:1", nil, []string{"X-Forwarded-Proto: h2"}, false},
		"the client's own hop counts":       {"10.0.0.9:1", nil, []string{"Forwarded: for=192.0.2.7;proto=https, for=192.0.2.1;proto=http, for=10.0.0.2;proto=https"}, false},
		"what the client wrote stands left": {"10.0.0.9:1", nil, []string{"Forwarded: for=192.0.2.7;proto=http, for=192.0.2.1;proto=https"}, true},
		"TLS to the proxy's back only":      {"10.0.0.9:1", own, []string{"X-Forwarded-Proto: http"}, false},
		"TLS on both sides":                 {"10.0.0.9:1", own, []string{"X-Forwarded-Proto: https"}, true},
		"a proxy that says nothing of it":   {"10.0.0.9:1", own, []string{"X-Forwarded-For: 192.0.2.1"}, true},
	} {
		p := newProxies([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, false, NewLog(slog.New(slog.DiscardHandler)), nil)
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}, TLS: c.own}
		for _, f := range c.fields {
			field, value, _ := strings.Cut(f, ": ")
			r.Header.Add(field, value)
		}
		p.locate(r)
		if got := Secure(r); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
