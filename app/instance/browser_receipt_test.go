package instance_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"flashsale/app/instance/instancetest"
)

// inZone makes a page believe that it is shown in that time zone.
func inZone(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name})
		return err
	})
}

// A shopper buys, finds the receipt again in the own orders, and keeps it: it stands a reload and the way back, opens in a browser that
// nobody is signed in to, and works without scripts and on paper.
func TestBrowserReceiptIsKept(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	a := startShop(t)
	p := openTab(t, browser, a.URL())
	p.open("/sign-up")
	p.do(chromedp.SendKeys("#username", "visitor_1"), chromedp.SendKeys("#password", tabPassword))
	p.clickAt(`main form button[type=submit]`)
	p.until("the account", `!!`+element("account-link"))
	p.open("/")
	p.do(chromedp.WaitEnabled(hook("buy-now-button")))
	p.click("buy-now-button")
	p.shows("purchase-result", "Success")

	p.open("/account/orders")
	order := value[string](p, `document.querySelector("main code").textContent`)
	p.do(inZone("Asia/Kathmandu"))
	p.click("receipt-link")
	p.shows("receipt-order", order)
	p.shows("receipt-name", "visitor_1")
	p.shows("receipt-unit", "1")
	p.shows("receipt-price", "$299.00")
	p.until("the time in the reader's zone and in UTC", element("receipt-time")+`.textContent.includes("GMT+5:45") && `+element("receipt-time")+`.textContent.includes("UTC")`)
	address := value[string](p, `location.href`)

	p.do(chromedp.Reload())
	p.shows("receipt-order", order)
	p.open("/")
	p.shows("status-text", "Flash Sale Live!")
	p.do(chromedp.Evaluate[chromedp.Void](`history.back()`))
	p.shows("receipt-order", order)

	checkReceiptElsewhere(t, a.URL(), strings.TrimPrefix(address, a.URL()), order)
	checkReceiptLooks(t, p)
	if n := value[int](p, `performance.getEntriesByType("resource").filter(e => !e.name.startsWith(location.origin)).length`); n != 0 {
		t.Errorf("the receipt loads %d things from elsewhere", n)
	}
}

// checkReceiptElsewhere opens a receipt on another device, which has no scripts.
func checkReceiptElsewhere(t *testing.T, base, path, order string) {
	p := openTab(t, startBrowser(t), base)
	p.do(scripts(false))
	p.open(path)
	p.shows("receipt-order", order)
	p.shows("receipt-time", "UTC")
	p.until("nobody signed in", `!!`+element("sign-in-link"))
	c := instancetest.NewClient(t, base)
	entry := c.Call(http.MethodGet, value[string](p, element("receipt-calendar")+`.getAttribute("href")`), nil)
	if entry.Status != http.StatusOK || !strings.Contains(entry.Raw, "BEGIN:VEVENT") {
		t.Errorf("the calendar entry: %d %s", entry.Status, entry.Raw)
	}
	p.open("/receipts/" + strings.Repeat("A", 43))
	p.until("that there is nothing", `document.body.innerText.includes("There is nothing at this address")`)
}

// checkReceiptLooks examines the page in both palettes, on narrow screens and on paper.
func checkReceiptLooks(t *testing.T, p *tab) {
	for _, wide := range []int64{320, 390, 768, 1440} {
		for _, palette := range []string{"light", "dark"} {
			t.Run(fmt.Sprint(palette, " ", wide), func(t *testing.T) {
				p := &tab{t: t, ctx: p.ctx, base: p.base}
				p.do(chromedp.EmulateViewport(wide, 800), media("prefers-color-scheme", palette))
				if got := value[int64](p, `document.documentElement.scrollWidth`); got > wide {
					t.Errorf("it is %d wide", got)
				}
				if side := value[float64](p, element("receipt-code")+`.getBoundingClientRect().width`); side < 120 {
					t.Errorf("the code is %.0f wide", side)
				}
				p.examine(t, "the receipt")
				p.picture()
			})
		}
	}
	// A name as long as they come, from right to left, and text twice as large.
	p.do(chromedp.EmulateViewport(320, 800), media(), chromedp.Evaluate[chromedp.Void](`document.documentElement.style.fontSize = "200%";`+
		element("receipt-name")+`.firstChild.textContent = "\u0645".repeat(100)`))
	if got := value[int](p, `document.documentElement.scrollWidth`); got > 320 {
		t.Errorf("with large text it is %d wide on a screen of 320: %v", got,
			value[[]string](p, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > 320).map(e => e.tagName + "." + e.className)`))
	}
	p.do(chromedp.Evaluate[chromedp.Void](`document.documentElement.style.fontSize = ""`))
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	printed, err := chromedp.Run(ctx, chromedp.PrintToPDF())
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "receipt.pdf"), printed, 0o600); err != nil {
			t.Error(err)
		}
	}
	if n := bytes.Count(printed, []byte("/Type /Page\n")); n != 1 {
		t.Errorf("it takes %d sheets of paper", n)
	}
}
