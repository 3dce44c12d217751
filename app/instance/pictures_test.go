package instance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/app/instance/instancetest"
	"flashsale/events/audit"
	"flashsale/sale"
)

const picturesPath = "/api/admin/sales/flash-sale/pictures"

var pictureAddress = regexp.MustCompile(`/pictures/[0-9a-f]{32}-([0-9]+)\.jpg`)

// photo is the file of a picture of that size and colour, with a script in its comment.
func photo(t testing.TB, w, h int, c color.Color) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(m, m.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, nil); err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), "<script>alert(1)</script>"...)
}

// upload posts a body that is no JSON.
func upload(t testing.TB, c *instancetest.Client, path, kind string, body io.Reader, fields ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Set(name, value)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{Status: res.StatusCode, Header: res.Header, Raw: string(raw), Body: map[string]any{}}
	_ = json.Unmarshal(raw, &r.Body)
	return r
}

func uploaded(t testing.TB, r reply) (picture sale.Image, all []sale.Image) {
	t.Helper()
	var d struct {
		Picture  sale.Image
		Pictures []sale.Image
	}
	if err := json.Unmarshal([]byte(r.Raw), &d); err != nil || r.Status >= 300 {
		t.Fatalf("%d %s (%v)", r.Status, r.Raw, err)
	}
	return d.Picture, d.Pictures
}

// A picture that is uploaded at one instance is on the pages of both, in three sizes that are served by both, and gone once it is deleted.
func TestAPictureIsUploadedShownAndDeleted(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	one, other := d.start(t), d.start(t)
	here, there := instancetest.NewClient(t, one.URL()), instancetest.NewClient(t, other.URL())
	red := photo(t, 1700, 600, color.RGBA{R: 200, A: 255})

	// With the revision that was seen and a key: a repeat is answered as the first time, and does nothing.
	path := picturesPath + "?alt=The+red+one"
	for range 2 {
		r := upload(t, here, path, "image/jpeg", bytes.NewReader(red), `If-Match: "1"`, `Idempotency-Key: "upload-1"`)
		if r.Status != http.StatusCreated || r.Number("revision") != 2 || r.Header.Get("ETag") != `"2"` || r.Text("message") != "The picture was added" {
			t.Fatalf("the upload is answered %d %s", r.Status, r.Raw)
		}
	}
	upload(t, here, path, "image/jpeg", bytes.NewReader(red[:len(red)-1]), `Idempotency-Key: "upload-1"`).Is(t, http.StatusUnprocessableEntity, "key-reused")
	upload(t, here, path, "image/jpeg", bytes.NewReader(photo(t, 300, 200, color.Black)), `If-Match: "1"`).Is(t, http.StatusPreconditionFailed, "revision-changed")
	again := upload(t, here, path, "image/jpeg", bytes.NewReader(red))
	if first, all := uploaded(t, again); again.Status != http.StatusOK || len(all) != 1 || first.Alt != "The red one" || again.Number("revision") != 2 {
		t.Errorf("the same picture again: %d %s", again.Status, again.Raw)
	}

	// The form of a page: the file, its text, and the conditions as fields.
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range [][2]string{{"alt", "The blue one"}, {"If-Match", `"2"`}, {"Idempotency-Key", `"upload-2"`}} {
		_ = form.WriteField(f[0], f[1])
	}
	part, _ := form.CreateFormFile("picture", `..\"x".svg`)
	_, _ = part.Write(photo(t, 900, 300, color.RGBA{B: 200, A: 255}))
	_ = form.Close()
	second, all := uploaded(t, upload(t, here, picturesPath, form.FormDataContentType(), &body))
	if len(all) != 2 || second.Alt != "The blue one" || len(second.Sources) != 2 || len(all[0].Sources) != 3 {
		t.Fatalf("%+v", all)
	}
	first := all[0]

	// Both instances show and serve them.
	for name, c := range map[string]*instancetest.Client{"the instance": here, "the other instance": there} {
		eventually(t, name+" shows the pictures", func() bool {
			return strings.Contains(c.Call(http.MethodGet, "/", nil).Raw, second.Sources[0].URL)
		})
		page := c.Call(http.MethodGet, "/", nil).Raw
		widths := map[string]bool{}
		for _, m := range pictureAddress.FindAllStringSubmatch(page, -1) {
			widths[m[1]] = true
			r := c.Call(http.MethodGet, m[0], nil)
			h := r.Header
			if r.Status != http.StatusOK || h.Get("Content-Type") != "image/jpeg" || h.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
				h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("Set-Cookie") != "" || h.Get("ETag") == "" {
				t.Errorf("%s: %s is answered %d %v", name, m[0], r.Status, h)
			}
			m2, _, err := image.Decode(strings.NewReader(r.Raw))
			if err != nil || fmt.Sprint(m2.Bounds().Dx()) != m[1] || strings.Contains(r.Raw, "script") {
				t.Errorf("%s: %s holds %v", name, m[0], err)
			}
			if r := c.Act(http.MethodGet, m[0], nil, "If-None-Match: "+h.Get("ETag")); r.Status != http.StatusNotModified || r.Raw != "" {
				t.Errorf("%s: asked again, %s is answered %d", name, m[0], r.Status)
			}
		}
		if !widths["400"] || !widths["800"] || !widths["1600"] {
			t.Errorf("%s: the page has the widths %v", name, widths)
		}
		if strings.Contains(page, "/static/product/front") {
			t.Errorf("%s: the pictures of before are still shown", name)
		}
	}
	product := there.Call(http.MethodGet, "/api/flash-sale/product", nil)
	images, _ := product.Body["images"].(map[string]any)
	if images["main"] != first.URL || !strings.HasSuffix(first.URL, "-800.jpg") || images["alt"].(map[string]any)[second.Sources[0].URL] != "The blue one" {
		t.Errorf("clients are told %v", images)
	}

	// The receipt shows the product as it was sold.
	bought := here.BuySettled("john_doe_1")
	if receipt := here.Act(http.MethodGet, receiptOf(t, one, bought), nil, "Accept: text/html"); !strings.Contains(receipt.Raw, first.Sources[0].URL) {
		t.Errorf("the receipt has not the picture: %s", receipt.Raw)
	}

	// Order and text.
	r := here.Act(http.MethodPut, picturesPath, map[string]any{"order": []string{second.ID, first.ID}}, `If-Match: "3"`)
	if _, all := uploaded(t, r); all[0].ID != second.ID {
		t.Errorf("arranged: %s", r.Raw)
	}
	here.Act(http.MethodPut, picturesPath, map[string]any{"order": second.ID}).Is(t, http.StatusUnprocessableEntity, "invalid-request")
	r = here.Act(http.MethodPatch, picturesPath+"/"+first.ID, map[string]any{"alt": " Red, from the side "})
	if one, _ := uploaded(t, r); one.Alt != "Red, from the side" {
		t.Errorf("described: %s", r.Raw)
	}
	here.Act(http.MethodPatch, picturesPath+"/"+first.ID, map[string]any{"alt": "two\nlines"}).Is(t, http.StatusUnprocessableEntity, "invalid-request")
	listed := here.Call(http.MethodGet, picturesPath, nil)
	if list, _ := listed.Body["pictures"].([]any); len(list) != 2 || listed.Header.Get("ETag") != `"5"` {
		t.Errorf("listed: %s", listed.Raw)
	}

	// Deleted here: gone there too, for those who do not have it in memory.
	r = here.Act(http.MethodDelete, picturesPath+"/"+second.ID, nil, `If-Match: "5"`)
	if one, all := uploaded(t, r); len(all) != 1 || one.ID != second.ID || r.Number("revision") != 6 {
		t.Errorf("deleted: %s", r.Raw)
	}
	here.Call(http.MethodGet, second.Sources[0].URL, nil).Is(t, http.StatusNotFound, "not-found")
	here.Act(http.MethodDelete, picturesPath+"/"+second.ID, nil).Is(t, http.StatusNotFound, "no-picture")
	here.Act(http.MethodPost, picturesPath+"/"+second.ID+"/remove", nil).Is(t, http.StatusNotFound, "no-picture")
	eventually(t, "the other shows the one that is left", func() bool {
		page := there.Call(http.MethodGet, "/", nil).Raw
		return !strings.Contains(page, second.ID) && strings.Contains(page, first.ID)
	})

	recent, err := audit.New(one.wiring.servers.pool).Recent(t.Context(), 20)
	var actions []string
	for _, one := range recent {
		if strings.HasPrefix(one.Action, "picture.") {
			actions = append(actions, one.Action+" "+one.Subject)
		}
	}
	slices.Sort(actions)
	if want := "picture.add flash-sale picture.add flash-sale picture.arrange flash-sale picture.describe flash-sale picture.remove flash-sale"; err != nil || strings.Join(actions, " ") != want {
		t.Errorf("recorded: %q (%v)", actions, err)
	}

	// A picture that only a receipt shows any more stays.
	uploaded(t, here.Act(http.MethodDelete, picturesPath+"/"+first.ID, nil))
	if receipt := here.Act(http.MethodGet, receiptOf(t, one, bought), nil, "Accept: text/html"); !strings.Contains(receipt.Raw, first.Sources[0].URL) {
		t.Errorf("the receipt lost its picture: %s", receipt.Raw)
	}
	// Who asks for a picture that no sale shows is let through ten times a second.
	eventually(t, "the picture of the receipt", func() bool { return here.Call(http.MethodGet, first.Sources[0].URL, nil).Status == http.StatusOK })
	here.Verifies()
}

func TestUploadsThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	form := func(fields ...string) (kind, body string) {
		var out bytes.Buffer
		w := multipart.NewWriter(&out)
		for _, name := range fields {
			part, _ := w.CreateFormFile(name, "x.png")
			_, _ = part.Write([]byte("<html>"))
		}
		_ = w.Close()
		return w.FormDataContentType(), out.String()
	}
	kind, twice := form("picture", "picture")
	none, missing := form("other")
	for name, r := range map[string]struct {
		kind, body string
		status     int
		problem    string
		says       string
	}{
		"an SVG that calls itself a PNG":  {"image/png", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, 422, "invalid-request", "picture is an SVG, which can hold scripts"},
		"a page that calls itself a JPEG": {"image/jpeg", "<html>", 422, "invalid-request", "picture is neither a PNG"},
		"nothing":                         {"image/jpeg", "", 422, "invalid-request", "picture is neither a PNG"},
		"JSON":                            {"application/json", "{}", 415, "picture-type", ""},
		"a page":                          {"text/html", "<html>", 415, "picture-type", ""},
		"no type":                         {"", "<html>", 415, "picture-type", ""},
		"17 MB":                           {"image/png", strings.Repeat("x", 17<<20), 413, "picture-too-large", ""},
		"two files":                       {kind, twice, 422, "invalid-request", "picture must be one file"},
		"a form without one":              {none, missing, 422, "invalid-request", "picture is missing"},
		"half of a form":                  {kind, twice[:len(twice)/3], 422, "invalid-request", "could not be read"},
		"a form without a boundary":       {"multipart/form-data", twice, 422, "invalid-request", "could not be read"},
	} {
		// Without a length, as a client sends what it does not know the length of.
		for _, body := range []io.Reader{strings.NewReader(r.body), io.MultiReader(strings.NewReader(r.body))} {
			got := upload(t, c, picturesPath, r.kind, body)
			if got.Is(t, r.status, r.problem); !strings.Contains(got.Text("detail"), r.says) {
				t.Errorf("%s: %s", name, got.Raw)
			}
		}
	}
	upload(t, c, "/api/admin/sales/nothing/pictures", "image/jpeg", bytes.NewReader(photo(t, 300, 200, color.Black))).Is(t, http.StatusNotFound, "no-sale")
	if r := c.Call(http.MethodGet, picturesPath, nil); strings.TrimSpace(r.Raw) != `{"pictures":[]}` {
		t.Errorf("kept: %s", r.Raw)
	}
	// Every other route takes no more than it did.
	upload(t, c, "/api/flash-sale/update-stock", "application/json", strings.NewReader(strings.Repeat(" ", 5000))).Is(t, http.StatusRequestEntityTooLarge, "too-large")
}

// Two uploads are under way, and their clients are slow: a third is told to come again, and shoppers notice nothing. When the two have
// gone there is room again.
func TestThereIsRoomForTwoUploadsAtOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	file := photo(t, 300, 200, color.Black)
	var slow []*io.PipeWriter
	// The server asks for a body only when there is room for it, so who could write is under way.
	patient := http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	t.Cleanup(patient.CloseIdleConnections)
	done := make(chan struct{}, 2)
	for range 2 {
		r, w := io.Pipe()
		slow = append(slow, w)
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Base+picturesPath, r)
			req.Header.Set("Content-Type", "image/jpeg")
			req.Header.Set("Expect", "100-continue")
			res, err := patient.Do(req)
			if err == nil {
				raw, _ := io.ReadAll(res.Body)
				t.Logf("a slow upload is answered %d %s", res.StatusCode, raw)
				_ = res.Body.Close()
			}
			_ = r.Close() // who still writes is told
			done <- struct{}{}
		}()
		if _, err := w.Write(bytes.Repeat(file[:100], 1000)); err != nil {
			t.Fatal(err)
		}
	}
	r := upload(t, c, picturesPath, "image/jpeg", bytes.NewReader(file))
	if r.Is(t, http.StatusServiceUnavailable, "pictures-busy"); r.Header.Get("Retry-After") != "2" {
		t.Errorf("come again after %q", r.Header.Get("Retry-After"))
	}
	if r := c.BuySettled("john_doe_1"); r.Status != http.StatusCreated {
		t.Errorf("meanwhile a shopper gets %s", r.Raw)
	}
	for _, w := range slow {
		_ = w.CloseWithError(io.ErrUnexpectedEOF)
	}
	for range slow {
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("an upload does not end")
		}
	}
	eventually(t, "there is room again", func() bool {
		return upload(t, c, picturesPath, "image/jpeg", bytes.NewReader(file)).Status < 300
	})
}

// A picture that two sales show stays until neither does.
func TestAPictureOfAnotherSaleStays(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	c := newClient(t, a.URL())
	one, _ := uploaded(t, upload(t, c, picturesPath, "image/jpeg", bytes.NewReader(photo(t, 300, 200, color.Black))))
	err := pgx.BeginFunc(t.Context(), a.wiring.servers.pool, func(tx pgx.Tx) error {
		for _, sql := range []string{
			`INSERT INTO sales (slug, state, starts_at, ends_at, partition, secret)
				SELECT 'second', 'draft', starts_at, ends_at, 1, secret FROM sales WHERE slug = 'flash-sale'`,
			`INSERT INTO products SELECT (SELECT id FROM sales WHERE slug = 'second'), p.name, p.description, p.details, p.specification, p.important_info,
				p.images, p.price_minor, p.discount_minor, p.currency_code, p.currency_symbol FROM products p`,
			`INSERT INTO generations (sale_id, generation, total) SELECT id, generation, 5 FROM sales WHERE slug = 'second'`,
			`INSERT INTO stock (sale_id, generation, total, version) SELECT id, generation, 5, 1 FROM sales WHERE slug = 'second'`,
		} {
			if _, err := tx.Exec(t.Context(), sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Act(http.MethodDelete, picturesPath+"/"+one.ID, nil); r.Status != http.StatusOK {
		t.Fatalf("%s", r.Raw)
	}
	eventually(t, "the picture of the second sale is served", func() bool {
		return c.Call(http.MethodGet, one.Sources[0].URL, nil).Status == http.StatusOK
	})
	if r := c.Act(http.MethodDelete, "/api/admin/sales/second/pictures/"+one.ID, nil); r.Status != http.StatusOK {
		t.Fatalf("%s", r.Raw)
	}
	c.Call(http.MethodGet, one.Sources[0].URL, nil).Is(t, http.StatusNotFound, "not-found")
}
