package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/sale/storefront"
)

const uploads = "/api/admin/sales/first/pictures"

// Outside demo mode a picture is taken from our own page and from programs. A page of another site can send a form with a file and the
// cookie of an operator, too.
func TestUploadsWithACookie(t *testing.T) {
	t.Parallel()
	const cookie, image = "Test-Session: root!", "Content-Type: image/png"
	const form = "Content-Type: multipart/form-data; boundary=x"
	const body = "--x\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a.png\"\r\n\r\nPNG\r\n--x--\r\n"
	for name, c := range map[string]struct {
		body   string
		fields []string
		status int
		call   string
	}{
		"our form":                       {body, []string{cookie, "Sec-Fetch-Site: same-origin", form}, 201, "picture first 3 "},
		"our script":                     {"PNG!", []string{cookie, "Sec-Fetch-Site: same-origin", image}, 201, "picture first 4 "},
		"a program":                      {"PNG!", []string{cookie, image}, 201, "picture first 4 "},
		"another site's form":            {body, []string{cookie, "Sec-Fetch-Site: cross-site", form}, 403, ""},
		"an old browser on another site": {body, []string{cookie, "Origin: https://evil.example", form}, 403, ""},
		"plain text":                     {"PNG!", []string{cookie, "Content-Type: text/plain"}, 415, ""},
		"a viewer":                       {"PNG!", []string{"Test-Session: vera?", image}, 403, ""},
		"a shopper":                      {"PNG!", []string{"Test-Session: alice", image}, 403, ""},
		"nobody":                         {"PNG!", []string{image}, 401, ""},
		"what is packed":                 {"PNG!", []string{cookie, image, "Content-Encoding: gzip"}, 415, ""},
	} {
		w := newWorld(t, accountsMode)
		res := w.send(t, http.MethodPost, uploads, c.body, c.fields...)
		if res.StatusCode != c.status || strings.Join(w.ops.calls, ",") != c.call {
			t.Errorf("%s: %d %s, called %q", name, res.StatusCode, res.raw, w.ops.calls)
		}
	}
}

// The acts on pictures, as programs ask for them and as forms do.
func TestActsOnPictures(t *testing.T) {
	t.Parallel()
	const form = "Content-Type: application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		method, target, body, kind string
		status                     int
		call                       string
	}{
		"order":                    {"PUT", uploads, `{"order":["a","b"]}`, "", 200, "pictures first a,b"},
		"order, in a form":         {"POST", uploads + "/order", "order=a+b", form, 200, "pictures first a,b"},
		"no order":                 {"PUT", uploads, `{}`, "", 200, "pictures first "},
		"an order of numbers":      {"PUT", uploads, `{"order":[1]}`, "", 422, ""},
		"text":                     {"PATCH", uploads + "/a", `{"alt":"a lamp"}`, "", 200, "picture shows first a a lamp"},
		"text, in a form":          {"POST", uploads + "/a/text", "alt=a+lamp", form, 200, "picture shows first a a lamp"},
		"an empty text":            {"PATCH", uploads + "/a", `{"alt":""}`, "", 200, "picture shows first a "},
		"no text":                  {"PATCH", uploads + "/a", `{}`, "", 422, ""},
		"remove":                   {"DELETE", uploads + "/a", "", "", 200, "picture gone first a"},
		"remove, in a form":        {"POST", uploads + "/a/remove", "", "", 200, "picture gone first a"},
		"a body that is too large": {"PUT", uploads, strings.Repeat(" ", request.MaxBody+1), "", 413, ""},
	} {
		w := newWorld(t)
		var fields []string
		if c.kind != "" {
			fields = append(fields, c.kind)
		}
		res := w.send(t, c.method, c.target, c.body, fields...)
		if res.StatusCode != c.status || strings.Join(w.ops.calls, ",") != c.call {
			t.Errorf("%s: %d %s, called %q", name, res.StatusCode, res.raw, w.ops.calls)
		}
	}
	w := newWorld(t)
	w.ops.err = &sale.PictureError{Field: "picture", Format: "has %d x %d pixels; that is too long and thin", Args: []any{1000, 10}}
	w.send(t, http.MethodPost, uploads, "PNG!", "Content-Type: image/png").problem(t, 422, "invalid-request")
	page := w.send(t, http.MethodPost, uploads, "PNG!", "Content-Type: image/png", "Accept: text/html", "Accept-Language: de")
	if page.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page.raw, "Das Bild hat 1.000 x 10 Bildpunkte; das ist zu lang und schmal") {
		t.Errorf("a German operator reads %s", page.raw)
	}
}

// onePicture has one picture, and knows which ones it was asked for that no sale shows.
type onePicture struct{ strangers []string }

func (p *onePicture) Find(_ context.Context, k storefront.PictureKey, shown func(string) bool) (*storefront.Size, error) {
	switch {
	case !shown(k.ID):
		p.strangers = append(p.strangers, k.ID)
		return nil, sale.ErrNoPicture
	case k.Width == 800:
		return nil, context.DeadlineExceeded
	}
	return &storefront.Size{Kind: "image/jpeg", Width: 400, Height: 300, Body: []byte("pixels")}, nil
}

func TestPicturesAreServed(t *testing.T) {
	t.Parallel()
	from, id := &onePicture{}, strings.Repeat("0123456789abcdef", 2)
	w := newWorld(t, accountsMode, func(c *Config) { c.Pictures = from })
	snaps := w.catalog.All()
	product := *snaps[0].Product
	product.Images = sale.Images{Gallery: []sale.Image{{ID: id}}}
	w.catalog.snaps[0].Product = &product
	res := w.send(t, http.MethodGet, "/pictures/"+id+"-400.jpg", "", "Cookie: a=b")
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "Cache-Control": "public, max-age=31536000, immutable", "Etag": `"` + id + `-400.jpg"`, "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox", "Set-Cookie": "", "Content-Length": "6",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if res.StatusCode != http.StatusOK || res.raw != "pixels" {
		t.Errorf("%d %q", res.StatusCode, res.raw)
	}
	if head := w.send(t, http.MethodHead, "/pictures/"+id+"-400.jpg", ""); head.StatusCode != http.StatusOK || head.raw != "" || head.Header.Get("Content-Length") != "6" {
		t.Errorf("HEAD: %d %q", head.StatusCode, head.raw)
	}
	// The database is away: that is no reason to keep "not found" for ever.
	w.send(t, http.MethodGet, "/pictures/"+id+"-800.jpg", "").problem(t, 503, "unavailable")
	for _, name := range []string{strings.Repeat("f", 32) + "-400.jpg", id + "-400.gif", id + "-0.jpg", "x", "..%2f" + id + "-400.jpg", id + "-400.jpg%00"} {
		res := w.send(t, http.MethodGet, "/pictures/"+name, "")
		if res.problem(t, 404, "not-found"); res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %q", name, res.Header.Get("Cache-Control"))
		}
	}
	if len(from.strangers) != 1 {
		t.Errorf("asked for %q", from.strangers)
	}
}
