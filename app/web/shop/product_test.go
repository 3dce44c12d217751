package shop

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/shop"
	"flashsale/views/text"
)

func TestPresetLabels(t *testing.T) {
	t.Parallel()
	var got []string
	for _, p := range sale.Presets() {
		got = append(got, presetLabel(text.Language{}, p))
	}
	if want := "Small (5), Medium (100), Large (1000), Extreme (10K)"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProductShowsEachPictureOnceUnderItsHashedName(t *testing.T) {
	t.Parallel()
	front := sale.Image{URL: "/static/product/front.svg", Alt: "Front"}
	side := sale.Image{URL: "/static/product/side.svg", Alt: "Side"}
	v := productView(text.Language{}, &sale.Product{Images: sale.Images{Main: front, Gallery: []sale.Image{front, side}}})
	hashed := regexp.MustCompile(`^/static/product/(front|side)\.[0-9a-f]{16}\.svg$`)
	if !hashed.MatchString(v.Picture.URL) || v.Picture.Alt != "Front" {
		t.Errorf("the picture is %+v", v.Picture)
	}
	if len(v.Thumbnails) != 1 || !hashed.MatchString(v.Thumbnails[0].URL) || v.Thumbnails[0].Alt != "Side" {
		t.Errorf("beside it are %+v", v.Thumbnails)
	}
	if v.Saved != "" || v.FullPrice != "" {
		t.Error("no discount is shown as one")
	}
}

// A price is written as the reader's language writes it, with the digits that the currency's minor unit has.
func TestPricesFollowLanguageAndCurrency(t *testing.T) {
	t.Parallel()
	english, german := text.Language{}, text.Choose("de")
	for _, c := range []struct {
		code   string
		minor  int64
		en, de string
	}{
		{"USD", 49_900, "$499.00", "499,00\u00a0$"},
		{"EUR", 49_900, "€499.00", "499,00\u00a0€"},
		{"JPY", 49_900, "¥49,900", "49.900\u00a0¥"},
		{"KWD", 499_500, "KWD\u00a0499.500", "499,500\u00a0KWD"},
		{"ISK", 49_900, "ISK\u00a049,900", "49.900\u00a0ISK"},
		{"USD", 12_345_678_900, "$123,456,789.00", "123.456.789,00\u00a0$"},
		{"??", 100, "??\u00a01.00", "??\u00a01.00"},
	} {
		product := &sale.Product{PriceMinor: c.minor, CurrencyCode: c.code, CurrencySymbol: "$"}
		if en, de := productView(english, product).Price, productView(german, product).Price; en != c.en || de != c.de {
			t.Errorf("%d of %s: %q and %q, want %q and %q", c.minor, c.code, en, de, c.en, c.de)
		}
	}
}

// Search engines and other sites are told what the page says: in the head, and as data that no browser runs.
func TestAPageSaysWhatOthersShowOfIt(t *testing.T) {
	t.Parallel()
	st := &stage{T: t}
	hs := New(Config{Catalog: st, Receipts: st, Links: st, Orders: st, Principals: request.Principals{Demo: true}, PublicURL: "https://shop.example"})
	of := func(name string, change func(*sale.Product)) (string, map[string]any) {
		sc := scenes()[name]
		product := *soldProduct()
		product.Name, product.Description = `A </script><b>"name"`, strings.Repeat("d", 300)
		change(&product)
		sc.snapshot.Product = &product
		st.shows.Store(sc)
		e := echo.New()
		rec := httptest.NewRecorder()
		if err := hs.Home(e.NewContext(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?tab=main", nil), rec)); err != nil { // no page that is kept
			t.Fatal(err)
		}
		page := rec.Body.String()
		_, data, found := strings.Cut(page, `type="application/ld+json">`)
		data, _, _ = strings.Cut(data, "</script>")
		var document map[string]any
		if err := json.Unmarshal([]byte(data), &document); err != nil || !found {
			t.Fatalf("%s: %v in %s", name, err, data)
		}
		return page, document
	}
	for state, want := range map[string]string{"upcoming": "PreOrder", "live": "InStock", "sold-out": "SoldOut", "paused": "OutOfStock", "ended": "Discontinued"} {
		_, document := of(state, func(*sale.Product) {})
		offer, _ := document["offers"].(map[string]any)
		if document["@type"] != "Product" || document["name"] != `A </script><b>"name"` || offer["availability"] != "https://schema.org/"+want ||
			offer["price"] != "299.00" || offer["priceCurrency"] != "USD" || offer["url"] != "https://shop.example/" || offer["availabilityStarts"] == "" {
			t.Errorf("%s: %v", state, document)
		}
	}
	page, document := of("live", func(p *sale.Product) { p.Images.Main.URL = "/pictures/abc-1600.jpg" })
	for _, want := range []string{
		`<meta property="og:type" content="product">`, `<meta property="og:title" content="A &lt;/script&gt;&lt;b&gt;&#34;name&#34;">`,
		`<meta property="og:image" content="https://shop.example/pictures/abc-1600.jpg">`, `<link rel="canonical" href="https://shop.example/">`,
		`<meta name="description" content="` + strings.Repeat("d", 199) + `…">`,
	} {
		if strings.Count(page, want) != 1 {
			t.Errorf("%s is there %d times", want, strings.Count(page, want))
		}
	}
	if document["image"] != "https://shop.example/pictures/abc-1600.jpg" || strings.Count(page, `name="description"`) != 1 {
		t.Errorf("the picture is %v", document["image"])
	}
	if page, _ := of("live", func(*sale.Product) {}); strings.Contains(page, "og:image") {
		t.Error("other sites are given a picture that they cannot show")
	}
}

// A picture that comes in several widths lets the browser choose, and its link leads to the widest.
func TestAPictureInSeveralWidths(t *testing.T) {
	t.Parallel()
	st := &stage{T: t}
	st.shows.Store(scenes()["live"])
	var page strings.Builder
	home := shop.Home{Product: shop.Product{Name: "P", Picture: shop.Picture{URL: "/p-800.jpg", Alt: "Front", Sources: []shop.Source{{URL: "/p-1600.jpg", Width: 1600}, {URL: "/p-400.jpg", Width: 400}}}}}
	if err := shop.HomePage(home).Render(t.Context(), &page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`srcset="/p-1600.jpg 1600w, /p-400.jpg 400w"`, `href="/p-1600.jpg"`, `width="800" height="600"`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(page.String(), "thumbs") || strings.Contains(page.String(), "data-step") {
		t.Error("one picture has thumbnails")
	}
}
