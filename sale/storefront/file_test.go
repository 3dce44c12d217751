package storefront

import (
	"strings"
	"testing"
	"testing/fstest"

	"flashsale/sale"
)

func TestReadACompleteBrand(t *testing.T) {
	t.Parallel()
	b := completeBrand(t)
	if b.Name != "Nordlicht" || b.Accent.String() != "#0b4fd8" || b.Surface.String() != "#f7f9fc" || b.Ink.String() != "#10131a" || b.Font.Family != "Inter" {
		t.Errorf("%+v", b)
	}
	for state, want := range map[sale.Status]string{
		sale.Upcoming: "Doors open at noon & not before.", sale.SoldOut: "All gone.", sale.Active: "Go!", sale.Stopped: "One moment.", sale.Ended: "Until spring.", "other": "",
	} {
		if got := b.Text(state); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
	if len(b.Links) != 2 || b.Links[0] != (Link{"terms", "/terms"}) || b.Links[1] != (Link{"contact", "https://example.com/contact?a=b#c"}) {
		t.Errorf("links %v", b.Links)
	}
	for _, c := range []struct {
		p    *Picture
		want string
		w, h int
	}{{b.Logo, "image/png", 480, 60}, {b.Icon, "image/png", 192, 192}, {b.Share, "image/jpeg", 1200, 630}} {
		if c.p.Kind != c.want || c.p.Width != c.w || c.p.Height != c.h || len(c.p.Body) == 0 {
			t.Errorf("%s, want %s %d x %d", c.p, c.want, c.w, c.h)
		}
	}
}

func TestAShopWithoutABrandHasNoWords(t *testing.T) {
	t.Parallel()
	none := &Brand{}
	if none.Exists() || none.Text(sale.Active) != "" || len(none.Pictures()) != 0 || len(none.Stylesheet(nil)) != 0 {
		t.Error("no brand is one")
	}
}

// Each refusal is one sentence, and begins with the field.
func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"bomb.png": {Data: bomb(60000, 60000)}, "long.png": {Data: bomb(8000, 8000)}, "cut.png": {Data: pngFile(t, 64, 64)[:60]},
		"drawing.png": {Data: []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`)}, "page.png": {Data: []byte("<html>")}, "empty.png": {},
		"wide.png": {Data: pngFile(t, 200, 100)}, "tiny.png": {Data: pngFile(t, 20, 20)}, "thin.png": {Data: pngFile(t, 600, 10)},
		"heavy.png": {Data: make([]byte, maxPictureFile+1)}, "folder/x.png": {Data: pngFile(t, 64, 64)}, "cut.jpg": {Data: jpegFile(t, 64, 64)[:300]},
	}
	for _, c := range []struct{ file, says string }{
		{``, "the file must be one JSON object"},
		{`[]`, "the file must be one JSON object"},
		{`{"name": "x"`, "the file is no correct JSON: "},
		{`{"name": "x", }`, "the file is no correct JSON: "},
		{`{"name": "x"} {}`, "the file must be one JSON object, and something follows it"},
		{"{\"name\": \"\xff\"}", "the file must be JSON in UTF-8"},
		{`{"name": "` + strings.Repeat("x", maxFile) + `"}`, "the file has "},
		{`{}`, "name is missing"},
		{`{"name": ""}`, "name is missing"},
		{`{"name": " x"}`, "name must be words"},
		{`{"name": "` + strings.Repeat("ö", 61) + `"}`, "name has 61 characters; it must have at most 60"},
		{`{"name": "a\nb"}`, "name has a line break or a character that cannot be seen"},
		{`{"name": "a\u202eb"}`, "name has a line break or a character that cannot be seen"},
		{`{"name": 7}`, "name must be a text in quotes"},
		{`{"name": null}`, "name must be a text in quotes"},
		{`{"Name": "x"}`, "Name is no field of a brand"},
		{`{"name": "x", "name": "y"}`, "name is there twice"},
		{`{"name": "x", "colour": "#000000"}`, "colour is no field of a brand"},
		{`{"name": "x", "links": {"name": "/"}}`, "links.name is no field of a brand"},
		{`{"name": "x", "links": {"terms": "/", "terms": "/"}}`, "links.terms is there twice"},
		{`{"name": "x", "links": "/terms"}`, "links must be an object with terms, privacy, returns, contact"},
		{`{"name": "x", "links": {"terms": {}}}`, "links.terms must be a text in quotes"},
		{`{"name": "x", "links": {"terms": "javascript:alert(1)"}}`, `links.terms is "javascript:alert(1)"; it must be an address that begins with https:// or a path`},
		{`{"name": "x", "links": {"terms": "http://example.com"}}`, "links.terms is "},
		{`{"name": "x", "links": {"terms": "//example.com"}}`, "links.terms is "},
		{`{"name": "x", "links": {"terms": "/\\example.com"}}`, "links.terms is "},
		{`{"name": "x", "links": {"terms": "https://a@example.com"}}`, "links.terms is "},
		{`{"name": "x", "links": {"terms": "https:///x"}}`, "links.terms is "},
		{`{"name": "x", "links": {"terms": "terms"}}`, "links.terms is "},
		{`{"name": "x", "texts": {"active": "` + strings.Repeat("x", 201) + `"}}`, "texts.active has 201 characters"},
		{`{"name": "x", "texts": {"live": "x"}}`, "texts.live is no field of a brand"},
		{`{"name": "x", "accent": "red"}`, `accent is "red"; it must be a colour like #1a2b3c`},
		{`{"name": "x", "accent": "#000000;}body{"}`, "accent is "},
		{`{"name": "x", "font": "Comic Sans"}`, `font is "Comic Sans"; there are system, inter, lora and outfit`},
		{`{"name": "x", "logo": "nothing.png"}`, "logo cannot be read: "},
		{`{"name": "x", "logo": "../logo.png"}`, `logo is "../logo.png"; it must be the path of a file beside the brand's`},
		{`{"name": "x", "logo": "/etc/passwd"}`, "logo is "},
		{`{"name": "x", "logo": "folder"}`, `logo is "folder", which is no file`},
		{`{"name": "x", "logo": "drawing.png"}`, "logo is an SVG, which can hold scripts; give it as PNG or JPEG"},
		{`{"name": "x", "logo": "page.png"}`, "logo is neither a PNG, a JPEG, a WebP nor a GIF file"},
		{`{"name": "x", "logo": "empty.png"}`, "logo is neither a PNG, a JPEG, a WebP nor a GIF file"},
		{`{"name": "x", "logo": "cut.png"}`, "logo is damaged: "},
		{`{"name": "x", "logo": "cut.jpg"}`, "logo is damaged: "},
		{`{"name": "x", "logo": "thin.png"}`, "logo has 600 x 10 pixels; that is too long and thin"},
		{`{"name": "x", "logo": "tiny.png"}`, "logo has 20 x 20 pixels; its longer side must have at least 28"},
		{`{"name": "x", "logo": "heavy.png"}`, "logo has 8388609 bytes; it must have at most 8388608"},
		{`{"name": "x", "icon": "wide.png"}`, "icon has 200 x 100 pixels; it must be square"},
		{`{"name": "x", "share": "wide.png"}`, "share has 200 x 100 pixels; its longer side must have at least 600"},
		// The rest of these two is missing: whoever decodes them says that they are damaged.
		{`{"name": "x", "logo": "bomb.png"}`, "logo has 60000 x 60000 pixels; it must have at most 8192 a side and 16777216 in all"},
		{`{"name": "x", "share": "long.png"}`, "share has 8000 x 8000 pixels; it must have at most"},
	} {
		_, err := Read([]byte(c.file), files)
		if err == nil || !strings.HasPrefix(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.80s: %v, want %q", c.file, err, c.says)
		}
	}
}

func TestNamesOfAllScriptsAreTaken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Ñandú & Söhne", "متجر النور", "می\u200cخواهم", "東京", "🦊 Fox"} {
		if _, err := Read([]byte(`{"name": "`+name+`"}`), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a brand says of itself is read again as the same brand.
func TestABrandIsItsOwnFile(t *testing.T) {
	t.Parallel()
	b := completeBrand(t)
	again, err := Read([]byte(b.String()), nil)
	must(t, err)
	if again.String() != b.String() || *again.Accent != *b.Accent || again.Text(sale.SoldOut) != "All gone." {
		t.Errorf("%s is read as %s", b, again)
	}
}
