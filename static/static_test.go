package static_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"flashsale/static"
)

func get(t *testing.T, path string, fields ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	if !static.Serve(w, r) {
		w.Code = http.StatusNotFound
	}
	return w.Result()
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestURLCarriesAHashOfTheContents(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"app.css", "app.js", "htmx.js", "live.js", "stream.js", "icon.svg", "product/front.svg"} {
		dot := strings.LastIndexByte(name, '.')
		want := regexp.MustCompile(`^/static/` + regexp.QuoteMeta(name[:dot]) + `\.[0-9a-f]{16}` + regexp.QuoteMeta(name[dot:]) + `$`)
		if got := static.URL(name); !want.MatchString(got) {
			t.Errorf("URL(%q) = %q, want it to match %s", name, got, want)
		}
	}
}

func TestURLOfAnUnknownAssetIsAMistake(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("URL of an unknown name did not panic")
		}
	}()
	static.URL("nothing.css")
}

func TestResolve(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/static/product/front.svg": static.URL("product/front.svg"),
		"/static/absent.svg":        "/static/absent.svg",
		"/pictures/own.png":         "/pictures/own.png",
		"product/front.svg":         "product/front.svg",
		"":                          "",
	} {
		if got := static.Resolve(in); got != want {
			t.Errorf("Resolve(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHandlerKeepsHashedNamesForEverAndAsksAboutPlainOnes(t *testing.T) {
	t.Parallel()
	hashed := get(t, static.URL("app.css"))
	if got := hashed.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("hashed name: Cache-Control = %q", got)
	}
	plain := get(t, "/static/app.css")
	if got := plain.Header.Get("Cache-Control"); got != "public, no-cache" {
		t.Errorf("plain name: Cache-Control = %q", got)
	}
	if a, b := body(t, hashed.Body), body(t, plain.Body); a != b || a == "" {
		t.Errorf("the two names have different contents (%d and %d bytes)", len(a), len(b))
	}
}

func TestHandlerNamesTheContentType(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"app.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8",
		"product/front.svg": "image/svg+xml", "htmx.LICENSE": "text/plain; charset=utf-8",
	} {
		r := get(t, "/static/"+name)
		if got := r.Header.Get("Content-Type"); r.StatusCode != http.StatusOK || got != want {
			t.Errorf("%s: %d, Content-Type %q, want %q", name, r.StatusCode, got, want)
		}
		if r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", name)
		}
	}
}

func TestHandlerCompressesForClientsThatAcceptIt(t *testing.T) {
	t.Parallel()
	plain := body(t, get(t, "/static/htmx.js").Body)
	for accept, packed := range map[string]bool{
		"gzip": true, "br, gzip;q=0.5": true, "GZIP": true, "": false, "br": false, "gzip;q=0": false, "gzip; q=0.0": false,
	} {
		r := get(t, "/static/htmx.js", "Accept-Encoding", accept)
		if r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: a cache is not told that the answer varies", accept)
		}
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != packed {
			t.Errorf("Accept-Encoding %q: packed %v, want %v", accept, got, packed)
			continue
		}
		reader := io.Reader(r.Body)
		if packed {
			unpacked, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			reader = unpacked
		}
		if body(t, reader) != plain {
			t.Errorf("Accept-Encoding %q: other contents", accept)
		}
	}
}

func TestHandlerAnswersNotModified(t *testing.T) {
	t.Parallel()
	tag := get(t, "/static/app.css").Header.Get("ETag")
	for field, want := range map[string]int{
		tag: http.StatusNotModified, "W/" + tag: http.StatusNotModified, `"x", ` + tag: http.StatusNotModified,
		`"x"`: http.StatusOK, "": http.StatusOK,
	} {
		r := get(t, "/static/app.css", "If-None-Match", field)
		if r.StatusCode != want {
			t.Errorf("If-None-Match %q: %d, want %d", field, r.StatusCode, want)
		}
		if got := body(t, r.Body); (got == "") != (want == http.StatusNotModified) {
			t.Errorf("If-None-Match %q: body of %d bytes", field, len(got))
		}
	}
	packed := get(t, "/static/app.css", "Accept-Encoding", "gzip")
	if packed.Header.Get("ETag") == tag {
		t.Error("the packed contents have the tag of the plain ones")
	}
}

func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/static/", "/static/absent.js", "/static/../static.go", "/static/app.0000000000000000.css", "/static/product"} {
		if r := get(t, path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, r.StatusCode)
		}
	}
	w := httptest.NewRecorder()
	static.Serve(w, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/static/app.css", nil))
	if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d with %d bytes, Content-Length %q", w.Code, w.Body.Len(), w.Header().Get("Content-Length"))
	}
}

// The pages run under a policy that allows scripts of their own origin only, and none that are made of strings.
func TestOwnScriptNeedsNothingThePolicyForbids(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"app.js", "acts.js", "insist.js", "press.js", "live.js", "clock.js", "gallery.js", "remind.js", "desk.js", "show.js", "upload.js", "proof.js", "stream.js", "times.js"} {
		script := body(t, get(t, "/static/"+name).Body)
		for _, forbidden := range []string{"eval(", "new Function", "innerHTML", "document.write", ".style", "http://", "https://"} {
			if strings.Contains(script, forbidden) {
				t.Errorf("%s contains %q", name, forbidden)
			}
		}
		most := 150
		if name == "show.js" { // it draws charts
			most = 200
		}
		if lines := strings.Count(script, "\n"); lines > most {
			t.Errorf("%s has %d lines; what grows beyond %d belongs to the server", name, lines, most)
		}
	}
}

// A custom property that nobody defines takes its whole rule away without a word.
func TestStyleUsesOnlyPropertiesThatItDefines(t *testing.T) {
	t.Parallel()
	sheets, err := filepath.Glob("assets/*.css")
	if err != nil || len(sheets) == 0 {
		t.Fatalf("no style sheets: %v", err)
	}
	var all strings.Builder
	for _, sheet := range sheets {
		text, err := os.ReadFile(sheet)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	defined := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)[{;\s](--[a-z-]+):`).FindAllStringSubmatch(all.String(), -1) {
		defined[found[1]] = true
	}
	for _, found := range regexp.MustCompile(`var\((--[a-z-]+)`).FindAllStringSubmatch(all.String(), -1) {
		if !defined[found[1]] {
			t.Errorf("%s is used and nowhere defined", found[1])
		}
	}
}

func TestStyleAndPicturesLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := regexp.MustCompile(`(?i)@import|url\(\s*['"]?(?:https?:)?//|(?:href|src)="(?:https?:)?//|<script|<style|style=`)
	for _, name := range []string{"app.css", "icon.svg", "product/front.svg", "product/side.svg", "product/case.svg"} {
		if found := elsewhere.FindString(body(t, get(t, "/static/"+name).Body)); found != "" {
			t.Errorf("%s contains %q", name, found)
		}
	}
}
