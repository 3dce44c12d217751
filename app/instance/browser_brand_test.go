package instance_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"testing"
	"testing/fstest"

	"github.com/chromedp/chromedp"

	"flashsale/app/instance"
	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/sale/storefront"
)

// dress gives the shop a brand.
func dress(t *testing.T, a *instance.Instance, document string) *storefront.Brand {
	t.Helper()
	files := fstest.MapFS{}
	for name, size := range map[string]image.Point{"logo.png": {480, 80}, "icon.png": {128, 128}} {
		m := image.NewRGBA(image.Rectangle{Max: size})
		draw.Draw(m, m.Bounds(), image.NewUniform(color.RGBA{0x0b, 0x4f, 0xd8, 0xff}), image.Point{}, draw.Src)
		var out bytes.Buffer
		if err := png.Encode(&out, m); err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: out.Bytes()}
	}
	b, err := storefront.Read([]byte(document), files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Acts().SetBrand(t.Context(), operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"}, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// What a browser computes is the brand's, on light and on dark pages, under the policy and without a fault of accessibility.
func TestBrowserShowsTheBrand(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser := startBrowser(t)
	a := startShop(t)
	p := openTab(t, browser, a.URL())
	p.open("/")
	p.until("the page without a brand", `document.title === "Live · Flash Sale System"`)
	if fonts := value[float64](p, `performance.getEntriesByType("resource").filter(r => r.name.includes(".woff2")).length`); fonts != 0 {
		t.Errorf("a page without a brand loads %.0f fonts", fonts)
	}
	b := dress(t, a, `{"name": "Nordlicht", "logo": "logo.png", "icon": "icon.png", "accent": "#0b4fd8", "surface": "#eef4ff", "font": "lora",
		"links": {"terms": "/terms", "privacy": "https://example.com/privacy"}}`)
	for !value[bool](p, `document.title .endsWith("Nordlicht")`) {
		p.open("/")
	}
	p.until("the font asked for ahead", `document.querySelector("link[rel=preload][as=font]")?.href === performance.getEntriesByType("resource").find(r => r.name.includes("lora"))?.name`)
	p.until("the logo", `(i => i.complete && i.naturalWidth === 480 && i.getBoundingClientRect().height === 40)(document.querySelector(".brand img"))`)
	p.until("the font", `getComputedStyle(document.body).fontFamily.startsWith("Lora")`)
	p.until("the font's file", `document.fonts.load("16px Lora").then(list => { window.loaded = list.length }) && window.loaded === 1`)
	for name, palette := range map[string]storefront.Palette{"light": b.Light(), "dark": b.Dark()} {
		p.do(media("prefers-color-scheme", name))
		for what, c := range map[string]struct {
			script string
			want   storefront.Colour
		}{
			"surface":    {`getComputedStyle(document.body).backgroundColor`, palette.Surface},
			"ink":        {`getComputedStyle(document.body).color`, palette.Ink},
			"muted word": {`getComputedStyle(document.querySelector(".foot a")).color`, palette.Muted},
			"accent":     {`(e => { e.className = "primary"; document.body.append(e); const c = getComputedStyle(e).backgroundColor; e.remove(); return c })(document.createElement("button"))`, palette.Accent},
			"on accent":  {`(e => { e.className = "primary"; document.body.append(e); const c = getComputedStyle(e).color; e.remove(); return c })(document.createElement("button"))`, palette.OnAccent},
		} {
			if got := value[string](p, c.script); got != rgb(c.want) {
				t.Errorf("%s: the %s is %s, want %s", name, what, got, rgb(c.want))
			}
		}
		p.examine(t, name+", with a brand")
	}
	p.open("/sign-in")
	p.until("the sign-in has the brand", `document.title.endsWith("Nordlicht") && getComputedStyle(document.body).fontFamily.startsWith("Lora")`)
	p.examine(t, "sign-in, with a brand")
	checkPictures(t, p, a)
}

// checkPictures uploads a picture and looks which of its sizes a browser loads for the room that the page has, from a phone to a wide
// screen of many pixels, and that it is gone once it is removed.
func checkPictures(t *testing.T, p *tab, a *instance.Instance) {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 1800, 1350))
	draw.Draw(m, m.Rect, image.NewUniform(color.RGBA{0x2f, 0x6f, 0x4f, 0xff}), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(300, 300, 1500, 1050), image.NewUniform(color.RGBA{0xe8, 0xd8, 0xb0, 0xff}), image.Point{}, draw.Src)
	var file bytes.Buffer
	if err := jpeg.Encode(&file, m, nil); err != nil {
		t.Fatal(err)
	}
	act := operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"}
	added, err := a.Acts().AddPicture(t.Context(), act, "", file.Bytes(), "A tray of sand on moss")
	if err != nil {
		t.Fatal(err)
	}
	const main = `document.querySelector("main img[alt='A tray of sand on moss']")`
	p.do(chromedp.EmulateViewport(390, 800))
	for !value[bool](p, `!!`+main) {
		p.open("/")
	}
	for _, c := range []struct {
		wide   int64
		pixels float64
		want   int
	}{{390, 1, 400}, {390, 2, 800}, {1440, 2, 1600}} {
		p.do(chromedp.EmulateViewport(c.wide, 800, chromedp.EmulateScale(c.pixels)))
		p.open("/")
		p.until(fmt.Sprintf("the size for %d at %.0f", c.wide, c.pixels), fmt.Sprintf(`(i => i.complete && i.naturalWidth > 0 && i.currentSrc.endsWith("-%d.jpg"))(%s)`, c.want, main))
		if shape := value[float64](p, `(r => r.width / r.height)(`+main+`.getBoundingClientRect())`); shape < 1.3 || shape > 1.37 {
			t.Errorf("at %d the picture is %.2f times as wide as high", c.wide, shape)
		}
		p.picture()
	}
	p.examine(t, "a page with an uploaded picture")
	if _, err := a.Acts().RemovePicture(t.Context(), act, "", added.Picture.ID); err != nil {
		t.Fatal(err)
	}
	for value[bool](p, `!!`+main) {
		p.open("/")
	}
}

// rgb is a colour as a browser computes it.
func rgb(c storefront.Colour) string { return fmt.Sprintf("rgb(%d, %d, %d)", c.R, c.G, c.B) }
