package web

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/sale"
)

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.ProcessID = "host-4711-p1" })
	if id := w.send(t, "GET", "/health", "", "X-Request-Id: Abc.1_2-3").Header.Get("X-Request-Id"); id != "Abc.1_2-3" {
		t.Errorf("a sane id became %q", id)
	}
	for _, bad := range []string{"a b", "a\"b", "ä", strings.Repeat("x", 65), "a;b", "${jndi:x}"} {
		if id := w.send(t, "GET", "/health", "", "X-Request-Id: "+bad).Header.Get("X-Request-Id"); !regexp.MustCompile(`^[0-9a-f]{12}-[0-9a-z]+$`).MatchString(id) {
			t.Errorf("%q was taken as %q", bad, id)
		}
	}
	seen := map[string]bool{}
	for range 100 {
		id := w.send(t, "GET", "/nothing", "").Header.Get("X-Request-Id")
		if seen[id] || id == "" {
			t.Fatalf("%q is there twice", id)
		}
		seen[id] = true
	}
	made, logged := w.send(t, "GET", "/health", "").Header.Get("X-Request-Id"), w.logged.String()
	prefix, _, _ := strings.Cut(made, "-")
	if !strings.Contains(logged, "host-4711-p1") || !strings.Contains(logged, `"prefix":"`+prefix+`-"`) {
		t.Errorf("the log does not say whose request ids these are: %.300s", logged)
	}
	if strings.Contains(logged, "jndi") {
		t.Error("a bad id got into the log")
	}
}

func TestSecurityFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, target := range []string{"/", "/health", "/nothing", "/problems/ended", "/api/users"} {
		h := w.send(t, "GET", target, "").Header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'self'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", target, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", target, h)
		}
	}
	page := w.send(t, "POST", buy, "username=alice", "Content-Type: application/x-www-form-urlencoded", "HX-Request: true")
	if page.Header.Get("Content-Security-Policy") == "" || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
		t.Errorf("a page on a hot route: %v", page.Header)
	}
	if h := w.send(t, "POST", buy, `{"username":"alice"}`).Header; h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("JSON on a hot route: %v", h)
	}
}

func ask(t *testing.T, h http.Handler, path string) reply {
	t.Helper()
	return askOps(t, h, "localhost", path)
}

func TestMetricsAreForOperatorsOnly(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	w := newWorld(t, func(c *Config) { c.Registerer, c.Gatherer = reg, reg })
	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		if res := ask(t, w.Handler(), path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s in public: %d", path, res.StatusCode)
		}
	}
	w.send(t, "POST", buy, `{"username":"alice"}`)
	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer {
		return sale.Answer{Kind: sale.Refused, Reason: "sold-out", Sale: activeSale()}
	}
	for range 2 {
		w.send(t, "POST", buy, `{"username":"alice"}`)
	}
	w.send(t, "POST", buy, `{"username":1}`)
	w.send(t, "GET", "/secret-path", "")
	w.send(t, "BREW", "/secret-path", "")
	shown := ask(t, w.OpsHandler(), "/metrics").raw
	for _, line := range []string{
		`flashsale_http_requests_total{code="201",method="POST",route="/api/flash-sale/purchase"} 1`,
		`flashsale_http_requests_total{code="409",method="POST",route="/api/flash-sale/purchase"} 2`,
		`flashsale_http_requests_total{code="422",method="POST",route="/api/flash-sale/purchase"} 1`,
		`flashsale_http_requests_total{code="404",method="GET",route="unmatched"}`,
		`flashsale_http_requests_total{code="404",method="other",route="unmatched"} 1`,
		`flashsale_http_request_seconds_count{route="/api/flash-sale/purchase"} 4`,
		`flashsale_purchases_total{outcome="bought"} 1`,
		`flashsale_purchases_total{outcome="sold-out"} 2`,
		`flashsale_purchases_total{outcome="invalid-request"} 1`,
		`flashsale_sold_out_answers_total 2`,
		`flashsale_live_streams 0`,
	} {
		if !strings.Contains(shown, line) {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(shown, "secret-path") || strings.Contains(shown, "BREW") {
		t.Error("a client's text became a label")
	}
	if res := ask(t, w.OpsHandler(), "/debug/pprof/"); res.StatusCode != http.StatusOK {
		t.Errorf("profiles: %d", res.StatusCode)
	}
}

func TestRequestLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(t, "POST", "/api/flash-sale/reset", "", "X-Request-Id: r1")
	w.send(t, "GET", "/evil%0Apath", "", "X-Request-Id: r2")
	for range 1000 {
		w.send(t, "POST", buy, `{"username":"hidden_name"}`)
	}
	hot := 0
	for line := range strings.Lines(w.logged.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		switch {
		case entry["request"] == "r1":
			if entry["level"] != "INFO" || entry["route"] != "/api/flash-sale/reset" || entry["status"] != 200.0 {
				t.Errorf("%s", line)
			}
		case entry["request"] == "r2":
			if entry["level"] != "DEBUG" || entry["route"] != "unmatched" {
				t.Errorf("%s", line)
			}
		case entry["route"] == buy:
			hot++
		}
	}
	if hot == 0 || hot > 100 {
		t.Errorf("a thousand purchases left %d lines", hot)
	}
	if strings.Contains(w.logged.String(), "hidden_name") || strings.Contains(w.logged.String(), "evil") {
		t.Error("a client's text got into the log")
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	t.Parallel()
	if res := newWorld(t).send(t, "HEAD", "/api/flash-sale/status", ""); res.StatusCode != http.StatusOK || res.Header.Get("Sale-Version") != "57" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

func TestMissingPartsAreAMistakeOfTheWiring(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a server without parts was made")
		}
	}()
	New(Config{})
}
