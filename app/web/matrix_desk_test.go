package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"flashsale/app/web/request"
)

// TestWhoMayOpenAStream is the matrix for streams, which a recorder cannot read: they end with their connection.
func TestWhoMayOpenAStream(t *testing.T) {
	t.Parallel()
	streams := 0
	for _, r := range Routes() {
		if !r.Stream {
			continue
		}
		streams++
		method, target := concrete(r)
		for _, a := range askers() {
			w := newWorld(t, accountsMode, func(c *Config) { c.Principals.Token = fakeTokens })
			w.running(t)
			res := w.openAs(t, method, target, a)
			kind, _ := res.json["type"].(string)
			kind = strings.TrimPrefix(kind, "/problems/")
			switch want := a.denied[r.Who]; {
			case want == "" && (res.StatusCode == http.StatusUnauthorized || accessProblem(kind)):
				t.Errorf("%s (%s) by %s: %d %q", r.Path, r.Who, a.name, res.StatusCode, kind)
			case want != "" && (kind != want || res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusForbidden):
				t.Errorf("%s (%s) by %s: %d %q, want %q", r.Path, r.Who, a.name, res.StatusCode, kind, want)
			}
		}
	}
	if streams < 5 {
		t.Errorf("only %d streams", streams)
	}
}

// openAs asks a real server, and closes the connection as soon as a stream begins.
func (w *world) openAs(t *testing.T, method, target string, a asker) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, w.open(t)+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Test-Session" {
			name, value = "Cookie", "session="+value // over plain HTTP the cookie has its plain name
		}
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("%s by %s: %v", target, a.name, err)
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		_ = res.Body.Close()
		res.Body = http.NoBody
	}
	return read(t, res)
}

// TestWhoSeesTheDesk is the matrix for browsers, and for HEAD: a page is refused as its document is, by another page.
func TestWhoSeesTheDesk(t *testing.T) {
	t.Parallel()
	for _, r := range Routes() {
		if r.Stream || !strings.HasPrefix(r.Path, "/admin") && !strings.HasPrefix(r.Path, "/api/admin") {
			continue
		}
		method, target := concrete(r)
		methods := []string{method}
		if method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		for _, method := range methods {
			var w *world
			for _, a := range askers() {
				if w == nil {
					w = newWorld(t, accountsMode, func(c *Config) { c.Principals.Token = fakeTokens })
				}
				res := w.send(t, method, target, "", append([]string{"Accept: text/html"}, a.fields...)...)
				refused := res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden ||
					res.StatusCode == http.StatusSeeOther && strings.HasPrefix(res.Header.Get("Location"), "/sign-in")
				if denied := a.denied[r.Who] != ""; refused != denied {
					t.Errorf("%s %s (%s) by %s: %d %s", method, r.Path, r.Who, a.name, res.StatusCode, res.Header.Get("Location"))
				}
				if refused && (len(w.ops.calls)+w.users.listedTimes+len(w.desk.queries)+len(w.desk.searches)+len(w.desk.filters) != 0 || strings.Contains(res.raw, "@example.com")) {
					t.Errorf("%s %s is refused to %s and had an effect", method, r.Path, a.name)
				}
				if !refused {
					w = nil // whoever is let in may change what the next one finds; whoever is refused has no effect
				}
			}
		}
	}
}

// What the listener answers is what Routes lists: no route is registered beside the table, where the matrix does not see it.
func TestTheListenerHasNoOtherRoutes(t *testing.T) {
	t.Parallel()
	listed := Routes()
	for _, r := range newWorld(t, accountsMode).echo.Routes() {
		if r.Method == http.MethodOptions || r.Method == http.MethodHead {
			continue // those of a listed path
		}
		if !slices.ContainsFunc(listed, func(l request.Route) bool { return l.Path == r.Path && (l.Method == r.Method || l.Method == anyMethod) }) {
			t.Errorf("%s %s is not among Routes", r.Method, r.Path)
		}
	}
}
