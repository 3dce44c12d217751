package instance

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"flashsale/app/instance/instancetest"
	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/sale/storefront"
)

var (
	brandSheet = regexp.MustCompile(`/brand/[0-9a-f]{16}\.css`)
	brandParts = regexp.MustCompile(`/brand/[0-9a-f]{16}(\.css|/[a-z]+\.(?:png|jpg))`)
)

func byTest() operator.Act {
	return operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"}
}

func brandOf(t *testing.T, document string) *storefront.Brand {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewNRGBA(image.Rect(0, 0, 640, 640))); err != nil {
		t.Fatal(err)
	}
	b, err := storefront.Read([]byte(document), fstest.MapFS{"square.png": {Data: out.Bytes()}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A change on one instance is shown by the other without a restart, under addresses that may be kept for ever, and under the same
// policy as before.
func TestABrandIsShownByEveryInstance(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.Demo, d.Config.PublicURL = false, "https://shop.example"
	one, other := d.start(t), d.start(t)
	here, there := instancetest.NewClient(t, one.URL()), instancetest.NewClient(t, other.URL())
	before := there.Call(http.MethodGet, "/", nil)
	if strings.Contains(before.Raw, "/brand/") || !strings.Contains(before.Raw, "<title>Flash Sale System</title>") {
		t.Fatalf("a new deployment has a brand: %s", before.Raw)
	}
	first := brandOf(t, `{"name": "Nord & Licht", "logo": "square.png", "icon": "square.png", "share": "square.png", "accent": "#0b4fd8", "font": "lora",
		"links": {"terms": "/terms", "contact": "https://example.com/contact"}, "texts": {"active": "One pair each."}}`)
	if _, err := one.Acts().SetBrand(t.Context(), byTest(), first); err != nil {
		t.Fatal(err)
	}
	var page reply
	eventually(t, "the other instance shows the brand", func() bool {
		page = there.Call(http.MethodGet, "/", nil)
		return strings.Contains(page.Raw, "/brand/")
	})
	for _, want := range []string{
		"<title>Nord &amp; Licht</title>", ">One pair each.<", `alt="Nord &amp; Licht"`, `<a href="/terms">Terms</a>`, `<a href="https://example.com/contact">Contact</a>`,
		`<meta property="og:site_name" content="Nord &amp; Licht">`, `<meta property="og:image" content="https://shop.example/brand/`,
	} {
		if !strings.Contains(page.Raw, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if got, want := page.Header.Get("Content-Security-Policy"), before.Header.Get("Content-Security-Policy"); got != want {
		t.Errorf("the policy is %q, without a brand %q", got, want)
	}
	for _, inline := range []string{"<style", " style=", "Flash Sale System"} {
		if strings.Contains(page.Raw, inline) {
			t.Errorf("the page has %s", inline)
		}
	}
	account := there.Act(http.MethodGet, "/sign-in", nil, "Accept: text/html")
	problem := there.Act(http.MethodGet, "/nothing", nil, "Accept: text/html")
	sheet := brandSheet.FindString(page.Raw)
	for name, r := range map[string]instancetest.Reply{"the sign-in": account, "a problem": problem} {
		if !strings.Contains(r.Raw, sheet) || !strings.Contains(r.Raw, "Nord &amp; Licht</title>") {
			t.Errorf("%s has not the brand: %s", name, r.Raw)
		}
	}
	kinds := map[string]string{".css": "text/css; charset=utf-8", "/logo.png": "image/png", "/icon.png": "image/png", "/share.jpg": "image/jpeg"}
	missing := maps.Clone(kinds)
	for _, m := range brandParts.FindAllStringSubmatch(page.Raw, -1) {
		for _, at := range []*instancetest.Client{here, there} {
			part := at.Call(http.MethodGet, m[0], nil)
			if part.Status != http.StatusOK || part.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || part.Header.Get("Content-Type") != kinds[m[1]] {
				t.Errorf("%s is answered %d %v", m[0], part.Status, part.Header)
			}
		}
		delete(missing, m[1])
	}
	if len(missing) > 0 {
		t.Errorf("the page does not name %v", missing)
	}

	if _, err := one.Acts().SetBrand(t.Context(), byTest(), brandOf(t, `{"name": "Südlicht", "surface": "#fff4e6"}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both show the next one", func() bool {
		return strings.Contains(here.Call(http.MethodGet, "/", nil).Raw, "Südlicht") && strings.Contains(there.Call(http.MethodGet, "/", nil).Raw, "Südlicht")
	})
	// A page that was loaded before still finds its parts.
	if r := there.Call(http.MethodGet, sheet, nil); r.Status != http.StatusOK {
		t.Errorf("the sheet of before is answered %d", r.Status)
	}
	for _, path := range []string{"/brand/", "/brand/0123456789abcdef.css", "/brand/../brand.css", strings.Replace(sheet, ".css", "/logo.png", 1)} {
		r := there.Call(http.MethodGet, path, nil)
		r.Is(t, http.StatusNotFound, "not-found")
	}
	if _, err := one.Acts().ResetBrand(t.Context(), byTest()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both show none", func() bool {
		return !strings.Contains(here.Call(http.MethodGet, "/", nil).Raw, "/brand/") && !strings.Contains(there.Call(http.MethodGet, "/", nil).Raw, "/brand/")
	})
}

// A process whose turn to read has not come finds the parts of a brand that another one shows already.
func TestAPartOfANewerBrandIsFound(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	one := d.start(t)
	two := d.start(t, func(s *start) {
		s.ready = func(_ context.Context, a *Instance) error { return a.wiring.parts.leaveOut("brand") }
	})
	if _, err := one.Acts().SetBrand(t.Context(), byTest(), brandOf(t, `{"name": "Nordlicht", "accent": "#0b4fd8"}`)); err != nil {
		t.Fatal(err)
	}
	here, there := instancetest.NewClient(t, one.URL()), instancetest.NewClient(t, two.URL())
	var sheet string
	eventually(t, "the one shows the brand", func() bool {
		sheet = brandSheet.FindString(here.Call(http.MethodGet, "/", nil).Raw)
		return sheet != ""
	})
	if page := there.Call(http.MethodGet, "/", nil); strings.Contains(page.Raw, "/brand/") {
		t.Fatal("it follows without its part")
	}
	if r := there.Call(http.MethodGet, sheet, nil); r.Status != http.StatusOK {
		t.Errorf("the sheet is answered %d", r.Status)
	}
}
