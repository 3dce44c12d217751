package instance_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flashsale/app/instance/instancetest"
)

// photoFile is the path of a picture of that size and colour.
func photoFile(t *testing.T, name string, w, h int, c color.Color) string {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(m, m.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, nil); err != nil {
		t.Fatal(err)
	}
	return written(t, name, out.Bytes())
}

func written(t *testing.T, name string, file []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Pictures are uploaded, put into order, described and removed from their page; what is no picture is refused at its field.
func TestBrowserPicturesOfASale(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	p, api := openTab(t, browser, base), instancetest.NewClient(t, base)
	p.open("/admin/sales/flash-sale/pictures")
	p.shows("picture-count", "0 of 12")
	p.seen(t, "pictures-none")

	upload := func(file, shows string) {
		p.t.Helper()
		p.do(chromedp.SetUploadFiles("#picture", []string{file}), chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.getElementById("alt").value = %q`, shows)))
		p.click("upload")
	}
	upload(photoFile(t, "red.jpg", 1700, 1200, color.RGBA{R: 190, G: 40, B: 30, A: 255}), "The coat from the front")
	p.shows("notice", "added")
	p.shows("picture-count", "1 of 12")
	p.until("the address says what was done", `location.search === "?done=added"`)
	upload(photoFile(t, "blue.jpg", 900, 1100, color.RGBA{R: 30, G: 60, B: 160, A: 255}), "The coat from behind")
	p.shows("picture-count", "2 of 12")
	p.seen(t, "pictures")

	for name, file := range map[string]struct{ raw, says string }{
		"evil.png":  {`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, "is an SVG"},
		"page.jpg":  {"<html><script>alert(1)</script></html>", "is neither a PNG"},
		"bomb.gif":  {"GIF89a\xff\xff\xff\xff\x00\x00\x00", "has 65,535 x 65,535 pixels"},
		"film.webp": {"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00", "is an animated WebP"},
	} {
		upload(written(t, name, []byte(file.raw)), "What is typed stays")
		p.until(name+" is refused", `(document.getElementById("picture-error")?.textContent ?? "").includes("`+file.says+`") && document.getElementById("alt").value === "What is typed stays"`)
	}
	p.seen(t, "pictures-refused")
	// The script refuses a file that is too large before it is sent.
	upload(written(t, "large.png", make([]byte, 17<<20)), "")
	p.until("a large file is refused", `document.getElementById("picture-error").textContent.includes("16 MB")`)

	first := `document.querySelector('[data-testid="picture"]')`
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll('[data-testid="picture"]')[1].querySelector('[data-testid="up"]').click()`))
	p.until("the second is the first", `location.hash.startsWith("#picture-") && `+first+`?.querySelector("input[name=alt]").value === "The coat from behind"`)
	p.do(chromedp.Evaluate[chromedp.Void](first + `.querySelector("input[name=alt]").value = "The back, its hood up"`))
	p.do(chromedp.Evaluate[chromedp.Void](first + `.querySelector('[data-testid="describe"]').click()`))
	p.shows("notice", "text of the picture")
	p.do(chromedp.Evaluate[chromedp.Void](first + `.querySelector('[data-testid="remove"]').click()`))
	p.shows("effects", "It is the main picture")
	p.seen(t, "picture-remove")
	if r := api.Call(http.MethodGet, "/api/admin/sales/flash-sale/pictures", nil); len(r.Body["pictures"].([]any)) != 2 {
		t.Errorf("the step alone has removed it: %s", r.Raw)
	}
	p.click("confirm")
	p.shows("picture-count", "1 of 12")
	p.open("/sales/flash-sale")
	p.until("shoppers see it", `document.querySelector(".gallery img")?.alt === "The coat from the front"`)

	// Without scripts the same form leads to the same page.
	plain := openTab(t, browser, base)
	plain.do(scripts(false))
	plain.open("/admin/sales/flash-sale/pictures")
	plain.do(chromedp.SetUploadFiles("#picture", []string{photoFile(t, "green.jpg", 600, 600, color.RGBA{G: 120, A: 255})}), chromedp.Click(`[data-testid="upload"]`))
	instancetest.Eventually(t, "the picture of a form without scripts", func() bool {
		return len(api.Call(http.MethodGet, "/api/admin/sales/flash-sale/pictures", nil).Body["pictures"].([]any)) == 2
	})
}

// What shoppers read is written in the form, looked at in each state before anybody else does, and then on the shop's page.
func TestBrowserTextsAndPreviewOfASale(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	p, api := openTab(t, browser, base), instancetest.NewClient(t, base)
	p.open("/admin/sales/flash-sale/edit")
	for field, v := range map[string]string{
		"details": "Warm\nLight", "specification": "Weight: 1.2 kg", "importantInfo": "No returns.\nhttps://example.com/terms",
		"textUpcoming": "Sign in before the start.", "textSoldOut": "All gone. The next drop is in a week.",
	} {
		p.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.getElementById(%q).value = %q`, field, v)))
	}
	p.seen(t, "edit-texts")
	p.click("submit")
	p.shows("notice", "changed")
	link := value[string](p, element("act-preview")+`.target`)
	if link != "_blank" {
		t.Errorf("the preview opens in %q", link)
	}
	for state, sentence := range map[string]string{"upcoming": "Sign in before the start.", "active": "", "paused": "Nobody can buy now", "sold-out": "All gone.", "ended": "The sale is over"} {
		p.open("/admin/sales/flash-sale/preview?state=" + state)
		p.until(state, fmt.Sprintf(`document.getElementById("sale").dataset.status === %q && document.getElementById("sale").textContent.includes(%q)`, state, sentence))
		p.seen(t, "preview-"+state)
	}
	p.open("/admin/sales/flash-sale/preview?state=active")
	p.click("preview-buy")
	p.clickAt("#tab-important")
	p.until("the terms", `location.search.includes("tab=important") && !document.getElementById("panel-important").hidden`)
	if r := api.Status(); r.Number("sold") != 0 {
		t.Errorf("the preview has bought: %s", r.Raw)
	}
	p.open("/sales/flash-sale?tab=important")
	p.until("shoppers read the terms", `document.querySelector('#panel-important a')?.href === "https://example.com/terms"`)
}

// The promises are looked at, checked, and the report is opened again. Keys lead into a step and out of it, and are off while one types.
func TestBrowserProofAndKeys(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	p, api := openTab(t, browser, base), instancetest.NewClient(t, base)
	p.open("/admin/proof")
	p.until("what is known is asked for again", `document.getElementById("live-proof").dataset.live === ""`)
	p.until("the first promise holds", `document.querySelector('[data-promise="I1"]').dataset.state === "ok"`)
	p.seen(t, "proof-none")
	p.click("prove")
	p.until("the report", `/^\/admin\/proof\/[0-9a-f-]{36}$/.test(location.pathname)`)
	p.shows("verdict", "Nothing is broken")
	p.shows("counts", "flash-sale")
	p.seen(t, "report")
	p.click("back")
	p.shows("reports", "Nothing is broken")
	p.seen(t, "proof")

	const live = `document.getElementById("show")?.dataset.live === ""`
	p.open("/admin/sales/flash-sale")
	p.until("the page lives", live)
	p.do(chromedp.KeyEvent("s"))
	p.until("the step", `location.pathname.endsWith("/stock")`)
	p.do(chromedp.Click("#amount"), chromedp.KeyEvent("5"), chromedp.KeyEvent(kb.Escape))
	time.Sleep(300 * time.Millisecond)
	if !value[bool](p, `location.pathname.endsWith("/stock") && document.getElementById("amount").value === "5"`) {
		t.Error("a key acts while somebody types")
	}
	p.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`), chromedp.KeyEvent(kb.Escape))
	p.until("the sale", `location.pathname === "/admin/sales/flash-sale"`)
	for _, key := range []string{"i", "m", "e"} {
		p.until("the page lives", live)
		p.do(chromedp.KeyEvent(key))
		p.until("the page of "+key, `location.pathname !== "/admin/sales/flash-sale"`)
		p.open("/admin/sales/flash-sale")
	}
	listed := value[bool](p, `[...document.querySelectorAll(".actions a[data-key]")].every(a => [...document.querySelectorAll(".keys kbd")].some(k => k.textContent === a.dataset.key))`)
	if !listed {
		t.Error("a key is not on the list of the page")
	}
	if r := api.Call(http.MethodGet, "/api/admin/sales/flash-sale", nil); r.Number("revision") != 1 {
		t.Errorf("keys alone have acted: %s", r.Raw)
	}
}
