package web

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"flashsale/app/web/request"
	"flashsale/app/web/shop"
)

// Outside demo mode a cookie is all that says who asks, so what brings it along unasked must not change anything.
func TestUnsafeRequestsWithACookie(t *testing.T) {
	t.Parallel()
	const cookie, form = "Test-Session: alice", "Content-Type: application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		body   string
		fields []string
		status int
	}{
		"our page":                          {`{"username":"alice"}`, []string{"Sec-Fetch-Site: same-origin", "Content-Type: application/json"}, 201},
		"our form":                          {"username=alice", []string{"Sec-Fetch-Site: same-origin", form}, 201},
		"no browser":                        {`{"username":"alice"}`, []string{"Content-Type: application/json"}, 201},
		"no body":                           {"", []string{"Sec-Fetch-Site: same-origin"}, 201},
		"without a page":                    {"username=alice", []string{"Sec-Fetch-Site: none", form}, 201},
		"another site":                      {"username=alice", []string{"Sec-Fetch-Site: cross-site", form}, 403},
		"another host of our domain":        {"username=alice", []string{"Sec-Fetch-Site: same-site", "Origin: https://blog.shop.example", form}, 403},
		"an old browser on another site":    {"username=alice", []string{"Origin: https://evil.example", form}, 403},
		"a sandboxed frame":                 {"username=alice", []string{"Origin: null", form}, 403},
		"JSON as plain text":                {`{"username":"alice"}`, []string{"Content-Type: text/plain"}, 415},
		"JSON as a form with files":         {`{"username":"alice"}`, []string{"Content-Type: multipart/form-data; boundary=x"}, 415},
		"JSON of no type":                   {`{"username":"alice"}`, nil, 415},
		"JSON of a type that begins so":     {`{"username":"alice"}`, []string{"Content-Type: application/jsonp"}, 415},
		"plain text from our page, even so": {`{"username":"alice"}`, []string{"Sec-Fetch-Site: same-origin", "Content-Type: text/plain"}, 415},
	} {
		w := newWorld(t, accountsMode)
		fields := append([]string{cookie}, c.fields...)
		if !strings.Contains(strings.Join(c.fields, ","), "Content-Type") {
			fields = append(fields, "Content-Type: -")
		}
		if res := w.send(t, "POST", buy, c.body, fields...); res.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", name, res.StatusCode, res.raw, c.status)
		}
		if asked := w.checkout.asks() > 0; asked != (c.status == http.StatusCreated) {
			t.Errorf("%s: the checkout was asked: %v", name, asked)
		}
	}
}

// Outside demo mode no other origin may read an answer unless CORS_ORIGINS names it.
func TestNoOtherOriginReadsAnswersUnlessItIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode, func(c *Config) { c.CORSOrigins = nil })
	for _, origin := range []string{"http://localhost:3000", "https://evil.example", "null"} {
		for _, method := range []string{"GET", "OPTIONS"} {
			res := w.send(t, method, "/api/flash-sale/status", "", "Origin: "+origin, "Access-Control-Request-Method: POST")
			for field := range res.Header {
				if strings.HasPrefix(field, "Access-Control-") {
					t.Errorf("%s from %s: %s", method, origin, field)
				}
			}
		}
	}
}

// Every answer that a browser can show, errors too.
func TestEveryPageHasTheFieldsOfSecurity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, ask := range []struct{ method, target string }{
		{"GET", "/"}, {"GET", "/status"}, {"GET", "/nothing"}, {"GET", "/problems/ended"}, {"GET", "/problems/none"}, {"PUT", "/api/users"},
		{"POST", buy}, {"GET", "/api/flash-sale/claims/x"}, {"GET", "/api/users"}, {"OPTIONS", "/api/users"},
	} {
		for _, host := range []string{"localhost", "evil.example"} {
			h := w.send(t, ask.method, ask.target, "", "Accept: text/html", "Host: "+host).Header
			keeping := "no-store"
			if ask.target == "/" && host == "localhost" {
				keeping = "no-cache"
			}
			for field, want := range map[string]string{
				"Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
				"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": keeping, "Strict-Transport-Security": "",
			} {
				if got := h.Get(field); got != want {
					t.Errorf("%s %s of %s: %s is %q", ask.method, ask.target, host, field, got)
				}
			}
			if !strings.Contains(h.Get("Permissions-Policy"), "camera=()") {
				t.Errorf("%s %s: %v", ask.method, ask.target, h)
			}
		}
	}
}

// planted are secrets in every place of a request that has room for one.
func planted(r *http.Request) (all []string) {
	plant := func(place string) string {
		s := "hunter2-" + place + "-SWORDFISH"
		all = append(all, s)
		return s
	}
	r.AddCookie(&http.Cookie{Name: "__Host-session", Value: plant("session")})
	r.Header.Set("Authorization", "Bearer "+plant("bearer"))
	r.Header.Set("Referer", "http://localhost/invitations/"+plant("referer"))
	r.Header.Set("User-Agent", plant("agent"))
	r.Header.Set("X-Request-Id", "$"+plant("request id"))
	r.Header.Set("Idempotency-Key", plant("key"))
	r.Header.Set("Traceparent", plant("trace"))
	return all
}

// Nothing that a client keeps secret is in logs, metrics or answers, whether the route exists, refuses or fails.
func TestNoSecretOfARequestIsShown(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	reg, world := prometheus.NewRegistry(), newWorld(t)
	log := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	drain := &request.Drain{}
	pages := shop.New(shop.Config{Catalog: world.catalog, Receipts: world.checkout, Log: request.NewLog(log)})
	failing := func(of error) echo.HandlerFunc { return func(echo.Context) error { return of } }
	e := router(request.NewMiddleware(request.MiddlewareConfig{
		Drain: drain, Log: request.NewLog(log), Registerer: reg, ProblemPage: pages.Problem,
	}), []request.Route{
		{Method: "GET", Path: "/invitations/:token", Who: request.Anybody, Handler: failing(request.ErrNotFound)},
		{Method: "POST", Path: "/invitations/:token", Who: request.Anybody, Handler: failing(errors.New("the database is on fire"))},
		{Method: "GET", Path: "/sign-in/link/:token", Who: request.Anybody, Handler: failing(request.ErrUnavailable)},
		{Method: "POST", Path: "/sign-in/link/:token", Who: request.Anybody, Handler: func(echo.Context) error { panic("a fault") }},
		{Method: "GET", Path: "/receipts/:secret", Who: request.Anybody, Handler: failing(fmt.Errorf("read: %w", http.ErrHandlerTimeout))},
		{Method: "POST", Path: "/sign-in/code/verify", Who: request.Anybody, Handler: failing(request.BadField("code", "is wrong"))},
	})
	for _, accept := range []string{"application/json", "text/html"} {
		for _, ask := range []string{
			"GET /invitations/", "POST /invitations/", "HEAD /invitations/", "DELETE /invitations/", "GET /sign-in/link/", "POST /sign-in/link/", "GET /receipts/",
			"GET /nowhere/", "POST /sign-in/code/verify?code=", "BREW /invitations/", "GET /receipts/x/",
		} {
			method, path, _ := strings.Cut(ask, " ")
			const inPath, inBody = "hunter2-path-SWORDFISH", "hunter2-body-SWORDFISH"
			r := httptest.NewRequest(method, path+inPath, strings.NewReader("code="+inBody))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Accept", accept)
			secrets := append(planted(r), inPath, inBody)
			res := httptest.NewRecorder()
			e.ServeHTTP(res, r)
			if res.Code < 400 {
				t.Errorf("%s: %d", ask, res.Code)
			}
			for _, secret := range secrets {
				if strings.Contains(res.Body.String()+fmt.Sprint(res.Header()), secret) {
					t.Errorf("%s: the answer of %d has %s", ask, res.Code, secret)
				}
			}
		}
	}
	var shown bytes.Buffer
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&shown, f); err != nil {
			t.Fatal(err)
		}
	}
	for what, text := range map[string]string{"the log": logged.String(), "the metrics": shown.String()} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "/invitations/:token") {
			t.Errorf("%s: %s", what, text)
		}
	}
}
