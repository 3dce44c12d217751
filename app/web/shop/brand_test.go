package shop

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"flashsale/sale"
	"flashsale/sale/storefront"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// someBrand is a brand that a test changes.
type someBrand struct{ now *storefront.Brand }

func (s *someBrand) Present() *storefront.Brand { return s.now }
func (s *someBrand) Look(context.Context) error { return nil }

func readBrand(t *testing.T, document string) *storefront.Brand {
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

func TestPagesWithoutABrandAreTheProductsOwn(t *testing.T) {
	t.Parallel()
	for _, b := range []*Brand{NewBrand(nil, "", true), NewBrand(&someBrand{&storefront.Brand{Version: 7}}, "https://shop.example", false)} {
		if got := b.Assets(); got.Brand.Name != "" || got.Brand.Style != "" || got.Brand.Links != nil || got.Style != layout.Embedded().Style {
			t.Errorf("%+v", got)
		}
	}
}

// In demo mode scripts find the page by its title.
func TestTheTitleStaysInDemoMode(t *testing.T) {
	t.Parallel()
	from := &someBrand{readBrand(t, `{"name": "Nordlicht"}`)}
	if got := NewBrand(from, "", true).Assets().Brand; got.Name != "Nordlicht" || got.Title != "" {
		t.Errorf("in demo mode %+v", got)
	}
	if got := NewBrand(from, "", false).Assets().Brand; got.Name != "Nordlicht" || got.Title != "Nordlicht" {
		t.Errorf("outside %+v", got)
	}
}

// The address of a shared picture is for other sites, so it needs the shop's.
func TestASharedPictureHasAWholeAddress(t *testing.T) {
	t.Parallel()
	from := &someBrand{readBrand(t, `{"name": "Nordlicht", "share": "square.png"}`)}
	if got := NewBrand(from, "https://shop.example", false).Assets().Brand.Share; !strings.HasPrefix(got.URL, "https://shop.example/brand/") || got.Width != 640 {
		t.Errorf("%+v", got)
	}
	if got := NewBrand(from, "", false).Assets().Brand.Share; got.URL != "" {
		t.Errorf("without an address %+v", got)
	}
}

func TestPartsOfBrandsBeforeAreKept(t *testing.T) {
	t.Parallel()
	from := &someBrand{}
	b := NewBrand(from, "", false)
	var sheets []string
	for _, accent := range []string{"#000001", "#000002", "#000003", "#000004", "#000005"} {
		from.now = readBrand(t, `{"name": "x", "accent": "`+accent+`"}`)
		sheets = append(sheets, b.Assets().Brand.Style)
	}
	for i, sheet := range sheets {
		if there := b.part(sheet) != nil; there != (i > 0) {
			t.Errorf("the sheet of brand %d is there: %v", i, there)
		}
	}
}

func TestALogoFitsTheHeader(t *testing.T) {
	t.Parallel()
	for _, c := range [][4]int{{480, 60, 240, 30}, {480, 80, 240, 40}, {80, 80, 40, 40}, {100, 30, 100, 30}, {20, 80, 10, 40}} {
		got := inHeader(layout.Picture{Width: c[0], Height: c[1]})
		if got.Width != c[2] || got.Height != c[3] {
			t.Errorf("%d x %d is shown as %d x %d", c[0], c[1], got.Width, got.Height)
		}
	}
}

// The brand's sentence stands in the panel of its state, as plain text, unless the shop has to say something itself.
func TestTheTextOfAState(t *testing.T) {
	t.Parallel()
	hs := &Handlers{cfg: Config{Brand: NewBrand(&someBrand{readBrand(t, `{"name": "x", "texts": {"active": "Two <b>colours</b> & more.", "ended": "Until spring."}}`)}, "", true)}}
	frame := func(change func(*sale.Snapshot)) string {
		s := activeSale()
		change(&s)
		return string(hs.Frame(s, text.Language{}))
	}
	const escaped = "Two &lt;b&gt;colours&lt;/b&gt; &amp; more."
	if got := frame(func(*sale.Snapshot) {}); !strings.Contains(got, escaped) || strings.Contains(got, "spring") {
		t.Errorf("a live sale: %s", got)
	}
	if got := frame(func(s *sale.Snapshot) { s.Now = s.EndsAt.Add(time.Second); s.State = sale.Closed }); !strings.Contains(got, "Until spring.") || strings.Contains(got, escaped) {
		t.Errorf("an ended sale: %s", got)
	}
	if got := frame(func(s *sale.Snapshot) { s.Taken = s.Total }); strings.Contains(got, "colours") || strings.Contains(got, "spring") {
		t.Errorf("a state without a text: %s", got)
	}
	if got := frame(func(s *sale.Snapshot) { s.Stale = true }); strings.Contains(got, escaped) || !strings.Contains(got, "out of date") {
		t.Errorf("stale figures: %s", got)
	}
}
