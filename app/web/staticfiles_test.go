package web

import (
	"net/http"
	"strings"
	"testing"

	"flashsale/static"
)

func TestAFileThatDoesNotExistIsAProblemLikeEveryOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Static = static.Serve })
	w.send(t, http.MethodGet, "/static/nothing.css", "").problem(t, http.StatusNotFound, "not-found")
	w.send(t, http.MethodGet, "/static/../static.go", "").problem(t, http.StatusNotFound, "not-found")
	if page := w.send(t, http.MethodGet, "/static/nothing.css", "", "Accept: text/html"); page.StatusCode != http.StatusNotFound || !strings.Contains(page.raw, "</html>") {
		t.Errorf("a browser is shown %d %.100s", page.StatusCode, page.raw)
	}
	if policy := w.send(t, http.MethodGet, "/static/nothing.css", "", "Accept: text/html").Header.Get("Content-Security-Policy"); policy == "" {
		t.Error("the page of a problem has no policy")
	}
	for name, document := range map[string]bool{"app.css": false, "press.js": false, "icon.svg": true} {
		h := w.send(t, http.MethodGet, static.URL(name), "").Header
		if got := h.Get("Content-Security-Policy") != ""; got != document || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cross-Origin-Resource-Policy") == "" {
			t.Errorf("%s: %v", name, h)
		}
	}
	for _, known := range []string{`*`, ` * `} {
		if res := w.send(t, http.MethodGet, static.URL("app.css"), "", "If-None-Match: "+known); res.StatusCode != http.StatusNotModified {
			t.Errorf("If-None-Match: %s is answered %d", known, res.StatusCode)
		}
	}
	if res := w.send(t, http.MethodGet, static.URL("app.css"), ""); res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") == "no-store" {
		t.Errorf("a file: %d %s", res.StatusCode, res.Header.Get("Cache-Control"))
	}
}
