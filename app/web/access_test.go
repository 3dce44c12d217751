package web

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"flashsale/sale"
)

func TestHostsOfDemoMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, host := range []string{
		"localhost", "localhost:3001", "LocalHost:80", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:3001", "shop.example", "SHOP.example:8443",
	} {
		if res := w.send(t, "GET", "/health", "", "Host: "+host); res.StatusCode != http.StatusOK || res.raw != "OK" {
			t.Errorf("%s: %d", host, res.StatusCode)
		}
	}
	for _, host := range []string{
		"", "evil.example", "localhost.evil.example", "evil.example:localhost", "127.0.0.1.evil.example", "127.0.0.2", "[::1].evil.example", "[::2]:80", "::1", "localhost@evil.example",
	} {
		w.send(t, "GET", "/api/flash-sale/status", "", "Host: "+host).problem(t, 421, "host")
		w.send(t, "POST", buy, `{"username":"alice"}`, "Host: "+host).problem(t, 421, "host")
		w.send(t, "GET", "/nothing", "", "Host: "+host).problem(t, 421, "host")
	}
	if w.checkout.asks() != 0 {
		t.Error("a request for another host reached the checkout")
	}
	open := newWorld(t, accountsMode)
	if res := open.send(t, "GET", "/health", "", "Host: shop.evil.example"); res.StatusCode != http.StatusOK {
		t.Errorf("outside demo mode any host is answered, not %d", res.StatusCode)
	}
}

func TestCrossSiteRequests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fields []string
		passes bool
	}{
		"curl":                           {nil, true},
		"our page":                       {[]string{"Sec-Fetch-Site: same-origin", "Origin: http://localhost:3001"}, true},
		"typed by hand":                  {[]string{"Sec-Fetch-Site: none"}, true},
		"the allowed page":               {[]string{"Sec-Fetch-Site: same-site", "Origin: http://localhost:3000"}, true},
		"an old browser on our page":     {[]string{"Origin: http://localhost:3001"}, true},
		"an old browser, allowed page":   {[]string{"Origin: http://localhost:3000"}, true},
		"another site":                   {[]string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, false},
		"another site, no origin":        {[]string{"Sec-Fetch-Site: cross-site"}, false},
		"another port of this machine":   {[]string{"Sec-Fetch-Site: same-site", "Origin: http://localhost:4000"}, false},
		"an old browser on another site": {[]string{"Origin: https://evil.example"}, false},
		"a sandboxed frame":              {[]string{"Origin: null"}, false},
		"a made-up site":                 {[]string{"Sec-Fetch-Site: whatever"}, false},
		"an origin that only begins so":  {[]string{"Origin: http://localhost:3000.evil.example"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, target := range []string{buy, "/api/flash-sale/reset", "/api/admin/verify", "/api/users/seed"} {
				res := w.send(t, "POST", target, `{"username":"alice"}`, c.fields...)
				if !c.passes {
					res.problem(t, 403, "cross-site")
				} else if res.StatusCode >= 400 {
					t.Errorf("%s: %d %s", target, res.StatusCode, res.raw)
				}
			}
			if !c.passes && w.checkout.asks()+len(w.ops.calls) != 0 {
				t.Error("a refused request had an effect")
			}
			if res := w.send(t, "GET", "/api/flash-sale/status", "", c.fields...); res.StatusCode != http.StatusOK {
				t.Errorf("reading is harmless, but got %d", res.StatusCode)
			}
		})
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res := w.send(t, "GET", "/api/flash-sale/status", "", "Origin: http://localhost:3000")
	if res.Header.Get("Access-Control-Allow-Origin") != "http://localhost:3000" || res.Header.Get("Access-Control-Allow-Credentials") != "true" || res.Header.Get("Vary") != "Origin" {
		t.Errorf("the allowed origin gets %v", res.Header)
	}
	res = w.send(t, "GET", "/api/flash-sale/status", "", "Origin: https://evil.example")
	if res.Header.Get("Access-Control-Allow-Origin") != "" || res.Header.Get("Vary") != "Origin" {
		t.Errorf("another origin gets %v", res.Header)
	}
	res = w.send(t, "OPTIONS", buy, "", "Origin: http://localhost:3000", "Access-Control-Request-Method: POST")
	if res.StatusCode != http.StatusNoContent || !strings.Contains(res.Header.Get("Access-Control-Allow-Methods"), "POST") ||
		!strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "Idempotency-Key") {
		t.Errorf("preflight: %d %v", res.StatusCode, res.Header)
	}
	res = w.send(t, "OPTIONS", buy, "", "Origin: https://evil.example", "Access-Control-Request-Method: POST")
	if res.Header.Get("Access-Control-Allow-Methods") != "" || res.Header.Get("Allow") != "OPTIONS, POST" {
		t.Errorf("another origin's preflight: %v", res.Header)
	}
}

func TestOutsideDemoMode(t *testing.T) {
	t.Parallel()
	alice, root := "Test-Session: alice", "Test-Session: root!"
	body := `{"username":"bob"}`
	for name, c := range map[string]struct {
		method, target, body, session string
		status                        int
		problem                       string
	}{
		"buying, nobody signed in":          {"POST", buy, body, "", 401, "sign-in"},
		"buying with no name, nobody":       {"POST", buy, "", "", 401, "sign-in"},
		"a bad body comes first":            {"POST", buy, `{"username":1}`, "", 422, "invalid-request"},
		"buying for oneself":                {"POST", buy, `{"username":"ALICE"}`, alice, 201, ""},
		"buying without a name":             {"POST", buy, "", alice, 201, ""},
		"buying for another":                {"POST", buy, body, alice, 403, "not-you"},
		"an operator buying for another":    {"POST", buy, body, root, 403, "not-you"},
		"looking oneself up":                {"GET", buy + "/alice", "", alice, 200, ""},
		"looking another up":                {"GET", buy + "/bob", "", alice, 403, "not-you"},
		"an operator looking another up":    {"GET", buy + "/bob", "", root, 200, ""},
		"looking somebody up, nobody":       {"GET", buy + "/bob", "", "", 401, "sign-in"},
		"reset, nobody":                     {"POST", "/api/flash-sale/reset", "", "", 401, "sign-in"},
		"reset, a shopper":                  {"POST", "/api/flash-sale/reset", "", alice, 403, "not-operator"},
		"reset, an operator":                {"POST", "/api/flash-sale/reset", "", root, 200, ""},
		"reset of a named sale, a shopper":  {"POST", "/api/sales/first/reset", "", alice, 403, "not-operator"},
		"preset, nobody":                    {"POST", "/api/flash-sale/stock-preset/small", "", "", 401, "sign-in"},
		"update-stock, nobody":              {"POST", "/api/flash-sale/update-stock", `{"stockAmount":5}`, "", 401, "sign-in"},
		"users, a shopper":                  {"GET", "/api/users", "", alice, 403, "not-operator"},
		"seeding, nobody":                   {"POST", "/api/users/seed", "", "", 401, "sign-in"},
		"archiving, a shopper":              {"DELETE", "/api/users/reset", "", alice, 403, "not-operator"},
		"verify, nobody":                    {"POST", "/api/admin/verify", "", "", 401, "sign-in"},
		"pause, nobody":                     {"POST", "/api/admin/pause", "", "", 401, "sign-in"},
		"close of a named sale, nobody":     {"POST", "/api/sales/first/close", "", "", 401, "sign-in"},
		"the status is for everybody":       {"GET", "/api/flash-sale/status", "", "", 200, ""},
		"a claim's id is its key":           {"GET", "/api/flash-sale/claims/" + orderA, "", "", 200, ""},
		"an unknown preset is not revealed": {"POST", "/api/flash-sale/stock-preset/x", "", "", 401, "sign-in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, accountsMode)
			w.checkout.claim = sale.ClaimState{State: sale.ClaimOrdered, Receipt: receipt("alice"), Username: "alice"}
			fields := []string{}
			if c.session != "" {
				fields = append(fields, c.session)
			}
			res := w.send(t, c.method, c.target, c.body, fields...)
			if c.problem != "" {
				res.problem(t, c.status, c.problem)
				if w.checkout.asks()+len(w.ops.calls)+w.users.listedTimes != 0 {
					t.Error("a refused request had an effect")
				}
			} else if res.StatusCode != c.status {
				t.Errorf("%d, want %d: %s", res.StatusCode, c.status, res.raw)
			}
			if len(w.checkout.requests) > 0 && w.checkout.requests[0].Name != "alice" {
				t.Errorf("bought for %+v", w.checkout.requests[0])
			}
		})
	}
	bare := newWorld(t, func(c *Config) { c.Demo = false })
	res := bare.send(t, "POST", buy, body)
	res.problem(t, 401, "sign-in")
	res.has(t, map[string]any{"message": "Sign in, or start with DEMO=true", "timestamp": at12, "userId": "bob"})
}

func TestAPurchaseOverTheLimitIsAProblem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode, pressOnce)
	alice := "Test-Session: alice"
	if res := w.send(t, "POST", buy, "", alice); res.StatusCode != http.StatusCreated {
		t.Fatalf("within the limit: %d %s", res.StatusCode, res.raw)
	}
	res := w.send(t, "POST", buy, "", alice)
	res.problem(t, 429, "too-many-requests")
	if wait, _ := res.json["retryAfter"].(float64); wait < 1 || res.Header.Get("Retry-After") != strconv.Itoa(int(wait)) {
		t.Errorf("Retry-After is %q: %s", res.Header.Get("Retry-After"), res.raw)
	}
}

func TestDemoModeHasNoLimitPerNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pressOnce)
	for range 50 {
		if res := w.send(t, "POST", buy, `{"username":"alice"}`); res.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", res.StatusCode, res.raw)
		}
	}
}
