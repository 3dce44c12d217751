package request

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWhoGetsAPage(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/html": true,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
		"application/json, text/html":                                     false,
		"text/html, application/json":                                     true,
		"application/json;q=0.5, text/html":                               true,
		"text/html;q=0.5, application/json;q=0.8":                         false,
		"text/html;q=0":            false,
		"text/html;q=0.000":        false,
		"TEXT/HTML; charset=utf-8": true,
		"text/event-stream":        false,
		"text/*":                   false,
		"text/html;q=nonsense":     false,
		",,;;":                     false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		if got := WantsPage(r); got != want {
			t.Errorf("Accept: %s: a page is %v", accept, got)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("HX-Request", "true")
	if !WantsPage(r) {
		t.Error("htmx gets no page")
	}
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	for prefer, want := range map[string]bool{
		"respond-async": true, "Respond-Async": true, "wait=10, respond-async": true, "respond-async; x=1": true,
		"": false, "respond-sync": false, "x=respond-async": false,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Prefer", prefer)
		if got := PrefersAsync(r); got != want {
			t.Errorf("Prefer: %s: %v", prefer, got)
		}
	}
}

// FuzzAccept: of two types only one is preferred.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{
		"", "*/*", "text/html", "application/json, text/html", "text/html;q=0.5, application/json;q=0.4", "text/html;q=1.0000", "TEXT/HTML ; Q=0",
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html;q=nan", "text/html;q=-1", ";;;,,,=", "text/html;q=0.1234",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if prefers(accept, "text/html", "application/json") && prefers(accept, "application/json", "text/html") {
			t.Fatalf("%q prefers both", accept)
		}
		for part := range strings.SplitSeq(accept, ",") {
			if _, q := acceptPart(part); q < 0 || q > 1 {
				t.Fatalf("%q weighs %v", part, q)
			}
		}
		r := &http.Request{Header: http.Header{"Accept": {accept}}}
		if WantsPage(r) && !strings.Contains(strings.ToLower(accept), "text/html") {
			t.Fatalf("%q gets a page", accept)
		}
	})
}
