package app

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashsale/app/instance/instancetest"
	"flashsale/events/audit"
)

// writeBrand writes a file of a brand with a logo beside it.
func writeBrand(t *testing.T, document string) string {
	t.Helper()
	dir := t.TempDir()
	logo := image.NewRGBA(image.Rect(0, 0, 240, 60))
	draw.Draw(logo, logo.Bounds(), image.NewUniform(color.RGBA{0x0b, 0x4f, 0xd8, 0xff}), image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := png.Encode(&out, logo); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"logo.png": out.Bytes(), "brand.json": []byte(document)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "brand.json")
}

// An instance runs, and another process, the command, changes its look.
func TestBrandBesideARunningInstance(t *testing.T) {
	c, servers := besideInstance(t)
	good := writeBrand(t, `{"name": "Nordlicht", "logo": "logo.png", "accent": "#0b4fd8", "links": {"terms": "/terms"}, "texts": {"ended": "Until spring."}}`)
	pale := writeBrand(t, `{"name": "Nordlicht", "accent": "#ffcc00"}`)
	says := func(code int, sentence string, args ...string) {
		t.Helper()
		got, out, errOut := command(t, "", append([]string{"brand"}, args...)...)
		if got != code || !strings.Contains(out+errOut, sentence) {
			t.Errorf("flashsale brand %s: exit %d, %q %q; want %d and %q", args, got, out, errOut, code, sentence)
		}
	}
	says(0, "the shop has no brand; `flashsale brand FILE` gives it one")
	says(0, "the shop has no brand, as before", "--reset")
	says(1, "no such file", "nothing.json")
	says(1, "not both", "--reset", good)
	says(1, pale+": accent is #ffcc00, and its contrast to the surface #f6f4f0 is 1.37:1; it must be at least 3.00:1, as #", pale)
	if page := c.Call(http.MethodGet, "/", nil); strings.Contains(page.Raw, "/brand/") {
		t.Error("a page has a brand before there is one")
	}

	says(0, "the brand is Nordlicht (version 2)", good)
	page := shownWithin(t, c, func(page string) bool {
		return strings.Contains(page, ">Nordlicht<") || strings.Contains(page, `alt="Nordlicht"`)
	})
	if !strings.Contains(page, "<title>Flash Sale System</title>") {
		t.Error("in demo mode the title is another one")
	}
	sheet := regexp.MustCompile(`/brand/[0-9a-f]{16}\.css`).FindString(page)
	if got := c.Call(http.MethodGet, sheet, nil); got.Status != http.StatusOK || !strings.Contains(got.Raw, "--accent:#0b4fd8") {
		t.Errorf("%s is answered %d %s", sheet, got.Status, got.Raw)
	}
	says(0, "Nordlicht (version 2)")
	says(0, "image/png, 240 x 60 pixels")
	says(0, "accent #0b4fd8 (6.")
	says(0, "Until spring.")

	recent, err := audit.New(servers.Pool()).Recent(t.Context(), 1)
	if err != nil || recent[0].Action != "brand.set" || recent[0].Actor != "operator" || recent[0].Means != "command" ||
		!strings.Contains(string(recent[0].Detail), `"after": "Nordlicht"`) && !strings.Contains(string(recent[0].Detail), `"after":"Nordlicht"`) {
		t.Errorf("recorded %+v (%v)", recent, err)
	}
	says(0, "the brand Nordlicht is taken away", "--reset")
	shownWithin(t, c, func(page string) bool {
		return !strings.Contains(page, "/brand/") && !strings.Contains(page, "Nordlicht")
	})
}

// shownWithin asks for the page until it is as wanted.
func shownWithin(t *testing.T, c *instancetest.Client, wanted func(page string) bool) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		page := c.Call(http.MethodGet, "/", nil).Raw
		if wanted(page) {
			return page
		}
		if time.Now().After(deadline) {
			t.Fatalf("the page is never as wanted: %s", page)
		}
	}
}
