package web

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"flashsale/app/web/request"
	"flashsale/sale"
)

// picture is one that an operator gave.
func pictureNamed(letter string) sale.Image {
	id := strings.Repeat(letter, 32)
	return sale.Image{ID: id, Alt: "the lamp " + letter, URL: "/pictures/" + id + "-800.jpg", Sources: []sale.Source{
		{URL: "/pictures/" + id + "-400.jpg", Width: 400, Height: 300}, {URL: "/pictures/" + id + "-800.jpg", Width: 800, Height: 600},
	}}
}

func (w *world) withPictures(letters ...string) {
	w.catalog.change(func(s *sale.Snapshot) {
		p := *s.Product
		p.Images = sale.Images{}
		for _, letter := range letters {
			p.Images.Gallery = append(p.Images.Gallery, pictureNamed(letter))
		}
		if len(letters) > 0 {
			p.Images.Main = p.Images.Gallery[0]
		}
		s.Product = &p
	})
}

// uploadForm is the body of the page's form, and its type.
func uploadForm(file string, fields ...string) (body, kind string) {
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	for i := 0; i+1 < len(fields); i += 2 {
		_ = form.WriteField(fields[i], fields[i+1])
	}
	part, _ := form.CreateFormFile("picture", "a.png")
	_, _ = part.Write([]byte(file))
	_ = form.Close()
	return out.String(), "Content-Type: " + form.FormDataContentType()
}

func TestThePageOfPictures(t *testing.T) {
	t.Parallel()
	const html, operator, viewer = "Accept: text/html", "Test-Session: root!", "Test-Session: vera?"
	w := newWorld(t, accountsMode)
	w.withPictures("a", "b")
	page := w.send(t, http.MethodGet, "/admin/sales/first/pictures", "", html, operator)
	a, b := strings.Repeat("a", 32), strings.Repeat("b", 32)
	for _, want := range []string{
		"Pictures of Lamp", "2 of 12 pictures", `enctype="multipart/form-data"`, `name="If-Match" value="&#34;9&#34;"`, `value="the lamp a"`,
		`value="` + b + " " + a + `"`, "400.jpg", "800 × 600", "/admin/sales/first/pictures/" + b + "/remove",
	} {
		if !strings.Contains(page.raw, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if page.StatusCode != http.StatusOK || page.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("%d, kept as %q", page.StatusCode, page.Header.Get("Cache-Control"))
	}
	if looks := w.send(t, http.MethodGet, "/admin/sales/first/pictures", "", html, viewer); looks.StatusCode != http.StatusOK || strings.Contains(looks.raw, `id="upload"`) || strings.Contains(looks.raw, ">Up<") {
		t.Errorf("a viewer gets %d, with forms", looks.StatusCode)
	}
	step := w.send(t, http.MethodGet, "/admin/sales/first/pictures/"+a+"/remove", "", html, operator)
	if step.StatusCode != http.StatusOK || !strings.Contains(step.raw, "It is the main picture") || len(w.ops.calls) != 0 {
		t.Errorf("the step before: %d, called %q", step.StatusCode, w.ops.calls)
	}
	if gone := w.send(t, http.MethodGet, "/admin/sales/first/pictures/"+strings.Repeat("c", 32)+"/remove", "", html, operator); gone.StatusCode != http.StatusNotFound {
		t.Errorf("a picture that is not there: %d", gone.StatusCode)
	}
	if none := w.send(t, http.MethodGet, "/admin/sales/first/pictures", "", html, "Test-Session: alice"); none.StatusCode != http.StatusForbidden {
		t.Errorf("a shopper gets %d", none.StatusCode)
	}
}

// The forms lead back to the page, which says what was done or why nothing was.
func TestTheFormsOfPictures(t *testing.T) {
	t.Parallel()
	const html, operator, form = "Accept: text/html", "Test-Session: root!", "Content-Type: application/x-www-form-urlencoded"
	a, b := strings.Repeat("a", 32), strings.Repeat("b", 32)
	file, kind := uploadForm("PNG", "Idempotency-Key", "k-add", "alt", " a lamp ")
	for name, c := range map[string]struct{ path, body, kind, call, to string }{
		"upload":   {"", file, kind, "picture first 3 a lamp", "?done=added"},
		"describe": {"/" + a + "/text", "alt=bright&If-Match=%229%22&Idempotency-Key=k", form, "picture shows first " + a + " bright", "?done=described"},
		"order":    {"/order", "order=" + b + "+" + a + "&moved=" + b + "&If-Match=%229%22", form, "pictures first " + b + "," + a, "?done=arranged"},
		"remove":   {"/" + a + "/remove", "If-Match=%229%22&Idempotency-Key=k", form, "picture gone first " + a, "?done=removed"},
	} {
		w := newWorld(t, accountsMode)
		w.withPictures("a", "b")
		res := w.send(t, http.MethodPost, uploads+c.path, c.body, c.kind, html, operator)
		if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != "/admin/sales/first/pictures"+c.to || strings.Join(w.ops.calls, ",") != c.call {
			t.Errorf("%s: %d to %q, called %q", name, res.StatusCode, to, w.ops.calls)
		}
		page := w.send(t, http.MethodGet, "/admin/sales/first/pictures"+c.to, "", html, operator)
		if !strings.Contains(page.raw, `data-testid="notice"`) {
			t.Errorf("%s: nothing says what was done", name)
		}
		// A colleague was faster.
		if name == "upload" {
			continue
		}
		w.ops.calls = nil
		res = w.send(t, http.MethodPost, uploads+c.path, strings.ReplaceAll(c.body, "%229%22", "%228%22"), c.kind, html, operator)
		if res.StatusCode != http.StatusPreconditionFailed || !strings.Contains(res.raw, `data-testid="problem"`) || !strings.Contains(res.raw, `data-picture="`+a) {
			t.Errorf("%s of an earlier revision: %d", name, res.StatusCode)
		}
	}
}

func TestARefusedPictureIsOnThePage(t *testing.T) {
	t.Parallel()
	const html, operator = "Accept: text/html", "Test-Session: root!"
	good, kind := uploadForm("PNG", "alt", "a <b>lamp</b>")
	empty, emptyKind := uploadForm("", "alt", "a lamp")
	large, largeKind := uploadForm(strings.Repeat("x", 17<<20), "alt", "a lamp")
	for name, c := range map[string]struct {
		body, kind string
		err        error
		status     int
		says       string
	}{
		"too many pixels":  {good, kind, &sale.PictureError{Field: "picture", Format: "has %d x %d pixels; it must have at most %d a side and %d in all", Args: []any{10_000, 10_000, 8192, 1 << 24}}, 422, "The picture has 10,000 x 10,000 pixels"},
		"a wrong text":     {good, kind, &sale.PictureError{Field: "alt", Format: "has a line break or a character that cannot be seen"}, 422, "The text of the picture has a line break"},
		"no file":          {empty, emptyKind, nil, 422, "The picture is missing"},
		"a large file":     {large, largeKind, nil, 413, "The file of the picture is larger than 16 MB"},
		"no form":          {"alt=x", "Content-Type: application/x-www-form-urlencoded", nil, 415, "That is no picture"},
		"too many at once": {good, kind, request.ErrPicturesBusy, 503, "Other pictures are being uploaded right now"},
	} {
		w := newWorld(t, accountsMode)
		w.withPictures("a")
		w.ops.err = c.err
		res := w.send(t, http.MethodPost, uploads, c.body, c.kind, html, operator)
		if res.StatusCode != c.status || !strings.Contains(res.raw, `id="upload"`) || !strings.Contains(res.raw, c.says) || !strings.Contains(res.raw, `aria-invalid="true"`) {
			t.Errorf("%s: %d, want %d and %q at its field", name, res.StatusCode, c.status, c.says)
		}
		if strings.Contains(res.raw, "<b>lamp") {
			t.Errorf("%s: what was typed is no text", name)
		}
	}
}
