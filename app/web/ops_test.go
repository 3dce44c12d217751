package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/web/admin"
)

const opsToken = "0123456789abcdef"

// askOps asks the operators' listener, under a Host and with further fields.
func askOps(t *testing.T, h http.Handler, host, path string, fields ...string) reply {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return read(t, rec.Result())
}

// A page of another site can point its own name at a private address, and have the browser read what that answers.
func TestPagesOfOthersReadNothingOfTheOperators(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	w := newWorld(t, func(c *Config) {
		c.Registerer, c.Gatherer, c.Ops = reg, reg, admin.OpsConfig{Host: "metrics.internal"}
	})
	h := w.OpsHandler()
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/symbol", "/debug/pprof/heap"} {
		for _, host := range []string{"127.0.0.1:9464", "[::1]:9464", "10.1.2.3", "LOCALHOST:9464", "metrics.internal:9464", ":9464"} {
			if res := askOps(t, h, host, path); res.StatusCode != http.StatusOK {
				t.Errorf("%s at %s: %d %s", path, host, res.StatusCode, res.raw)
			}
		}
		for _, host := range []string{"evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example", "app"} {
			if res := askOps(t, h, host, path); res.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(res.raw, "OPS_TOKEN") {
				t.Errorf("%s at %q: %d %s", path, host, res.StatusCode, res.raw)
			}
		}
		for _, site := range []string{"cross-site", "same-site"} {
			if res := askOps(t, h, "localhost:9464", path, "Sec-Fetch-Site: "+site); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s from a page, %s: %d", path, site, res.StatusCode)
			}
		}
	}
	w.ops.ready = []admin.Dependency{{Name: "PostgreSQL", Address: "192.0.2.1:5432", OK: true, Since: noon}}
	if res := askOps(t, h, "evil.example", "/readyz"); res.StatusCode != http.StatusOK || strings.Contains(res.raw, "192.0.2") {
		t.Errorf("a page of another site is told %d %s", res.StatusCode, res.raw)
	}
	if res := askOps(t, h, "127.0.0.1", "/readyz"); !strings.Contains(res.raw, "192.0.2") {
		t.Errorf("an operator is told %s", res.raw)
	}
}

// With a token no name has to be known: whoever sends it is an operator, and no page of another site can.
func TestTheTokenOfTheOperatorsListener(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	w := newWorld(t, func(c *Config) { c.Registerer, c.Gatherer, c.Ops = reg, reg, admin.OpsConfig{Token: opsToken} })
	w.ops.ready = []admin.Dependency{{Name: "PostgreSQL", Address: "192.0.2.1:5432", OK: true, Since: noon}}
	h := w.OpsHandler()
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap"} {
		for _, sent := range []string{"", "Authorization: Bearer " + opsToken + "x", "Authorization: Bearer ", "Authorization: " + opsToken} {
			res := askOps(t, h, "127.0.0.1", path, sent)
			if res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") == "" || strings.Contains(res.raw, opsToken) {
				t.Errorf("%s with %q: %d %s", path, sent, res.StatusCode, res.raw)
			}
		}
		if res := askOps(t, h, "app:9464", path, "Authorization: Bearer "+opsToken); res.StatusCode != http.StatusOK {
			t.Errorf("%s with the token: %d %s", path, res.StatusCode, res.raw)
		}
	}
	for _, path := range []string{"/health", "/livez", "/readyz"} {
		if res := askOps(t, h, "app:9464", path); res.StatusCode != http.StatusOK || strings.Contains(res.raw, "192.0.2") {
			t.Errorf("%s without the token: %d %s", path, res.StatusCode, res.raw)
		}
	}
	if res := askOps(t, h, "app:9464", "/readyz", "Authorization: Bearer "+opsToken); !strings.Contains(res.raw, "192.0.2") {
		t.Errorf("/readyz with the token: %s", res.raw)
	}
}

func TestOneProfileAtATimeAndNoneForLong(t *testing.T) {
	t.Parallel()
	h := newWorld(t).OpsHandler()
	for _, wrong := range []string{"61", "1e9", "-1", "NaN", "x", "99999999999999999999999"} {
		for _, kind := range []string{"profile", "trace", "heap", "goroutine"} {
			if res := askOps(t, h, "localhost", "/debug/pprof/"+kind+"?seconds="+wrong); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.raw, "60") {
				t.Errorf("%s of %s s: %d %s", kind, wrong, res.StatusCode, res.raw)
			}
		}
	}
	ctx, leave := context.WithTimeout(t.Context(), 30*time.Second)
	defer leave()
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		for ctx.Err() == nil { // until it has the turn; then it takes as long as its client waits
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/debug/pprof/heap?seconds=60", nil)
			r.Host = "localhost"
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
	}()
	second := func() int { return askOps(t, h, "localhost", "/debug/pprof/goroutine").StatusCode }
	for second() != http.StatusServiceUnavailable {
		if ctx.Err() != nil {
			t.Fatal("a second profile is always taken beside the first")
		}
		time.Sleep(time.Millisecond)
	}
	leave() // its client goes: the turn is free
	<-taken
	if code := second(); code != http.StatusOK {
		t.Errorf("after the first profile another is answered %d", code)
	}
}
