package instance_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flashsale/app/instance"
)

// letters sets the size of text that a reader has chosen, in pixels; a browser's own is 16.
func letters(pixels int64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.SetFontSizes, page.SetFontSizesParams{FontSizes: &page.FontSizes{Standard: pixels, Fixed: pixels * 13 / 16}})
		return err
	})
}

// tooWide are the elements that reach out of the window. The strip of pictures and the tabs turn within themselves, and the name in the header is cut off.
const tooWide = `[...document.querySelectorAll("html, body *")].filter((e) => e.checkVisibility() && !e.closest(".unseen, .skip, thead, .strip, .tablist, .visitor a")
	&& Math.max(e.getBoundingClientRect().right, -e.getBoundingClientRect().left, e.matches("input") ? 0 : e.scrollWidth) > innerWidth + 0.5).map((e) => e.tagName + "." + e.className)`

// Somebody whose name is as long as a name may be, and is written from the right, buys a product whose name is as long, for a price of nine
// digits, of a million units: on every page of it nothing reaches out of the window of a small phone, with letters of twice the size too,
// and a name leaves the order of its sentence alone.
func TestBrowserLongNamesFit(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser := startBrowser(t)
	a := startShop(t)
	product, shopper := strings.Repeat("Donaudampfschiff", 6)+"fahr", "مشتري_"+strings.Repeat("ع", 94)
	instance.Exec(t, a, `UPDATE products SET name = $1, description = $1, price_minor = 99999999900, discount_minor = 100, specification = jsonb_build_array(jsonb_build_object('name', $1::text, 'value', $1::text)), important_info = jsonb_build_array($1::text)`, product)
	instance.Exec(t, a, `UPDATE stock SET total = 1000000, version = version + 1`)
	instance.Exec(t, a, `UPDATE sales SET version = version + 1`)
	p := openTab(t, browser, a.URL())
	p.open("/sign-up")
	p.do(chromedp.SetValue("#username", shopper), chromedp.SendKeys("#password", tabPassword))
	p.clickAt(`main form button[type=submit]`)
	p.until("the account", `!!`+element("account-link"))
	for p.open("/"); !value[bool](p, `document.getElementById("product-name").textContent.includes("Donau") && `+element("total-stock")+`.textContent === "1000000"`); {
		p.open("/")
	}
	checkGallery(t, p)
	p.do(chromedp.WaitEnabled(hook("buy-now-button")))
	p.click("buy-now-button")
	p.shows("purchase-result", "Success")
	checkFits(t, p, "the answer")
	checkNamesIsolated(t, p, shopper)
	p.open("/account/orders")
	checkNamesIsolated(t, p, product)
	receipt := value[string](p, element("receipt-link")+`.getAttribute("href")`)
	for _, path := range []string{"/account/orders", receipt, "/account", "/account/sessions", "/", "/?tab=specifications", "/?tab=important", "/problems/", "/problems/sold-out", "/problems/sign-in", "/" + shopper} {
		p.open(path)
		checkFits(t, p, path)
		checkNamesIsolated(t, p, shopper)
	}
}

// checkFits looks at the page that is open in a small window, with letters of both sizes.
func checkFits(t *testing.T, p *tab, where string) {
	t.Helper()
	for _, size := range []int64{16, 32} {
		p.do(letters(size), chromedp.EmulateViewport(320, 640))
		if found := value[[]string](p, tooWide); len(found) > 0 {
			t.Errorf("%.40s, letters of %d: too wide are %q", where, size, found)
		}
	}
	p.do(letters(16), chromedp.EmulateViewport(1280, 800))
}

// checkNamesIsolated: a name that stands in a text stands in an element that keeps its direction to itself.
func checkNamesIsolated(t *testing.T, p *tab, name string) {
	t.Helper()
	loose := value[[]string](p, fmt.Sprintf(`(() => {
		const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		while (walk.nextNode()) if (walk.currentNode.data.includes(%q) && !walk.currentNode.parentElement.closest("bdi, script, dd, dt, .unseen, .lead, .prose, .visitor")) found.push(walk.currentNode.parentElement.outerHTML);
		return found;
	})()`, name))
	for _, one := range loose {
		t.Errorf("%s is not by itself in %.200s", name, one)
	}
}

// checkGallery: a thumbnail turns the strip, a press on a picture opens it large, the arrows lead on, and Escape leads back to it.
func checkGallery(t *testing.T, p *tab) {
	t.Helper()
	p.open("/")
	p.until("the pictures", `[...document.querySelectorAll(".strip img")].length >= 3`)
	p.until("the data for others", `JSON.parse(document.getElementById("product-data").textContent).offers.price === "999999998.00"`)
	p.clickAt(".thumbs li:nth-child(2) a")
	p.until("the second picture", `document.querySelector(".thumbs [aria-current]").href.endsWith("#picture-2") && document.querySelector(".strip").scrollLeft > 100`)
	p.clickAt("#picture-2 a")
	p.until("the picture large", `document.querySelector("dialog").open && document.querySelector("dialog img").naturalWidth > 0`)
	p.do(chromedp.KeyEvent(kb.ArrowRight))
	p.until("the next picture", `document.querySelector("dialog img").src === document.querySelector("#picture-3 a").href && document.querySelector("[data-step='1']").disabled`)
	p.do(chromedp.KeyEvent(kb.Escape))
	p.until("the picture again", `!document.querySelector("dialog").open && document.activeElement === document.querySelector("#picture-3 a")`)
	p.do(chromedp.KeyEvent(kb.ArrowLeft))
	p.until("the picture before", `document.activeElement === document.querySelector("#picture-2 a")`)
	p.do(scripts(false))
	p.open("/")
	p.clickAt(".thumbs li:nth-child(3) a")
	p.until("the third picture without scripts", `document.querySelector(".strip").scrollLeft > 100`)
	p.clickAt("#picture-3 a")
	p.until("its file", `location.pathname === "/static/product/" + location.pathname.split("/").at(-1)`)
	p.do(scripts(true))
	p.open("/")
}
