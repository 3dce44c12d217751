package instance_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"flashsale/app/instance"
)

// Several sales are a list, and each has its own page: its figures, its form and its receipt, with scripts and without.
func TestBrowserEachSaleHasItsOwnPage(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	a := startShop(t)
	p := openTab(t, browser, a.URL())
	p.open("/sign-up")
	p.do(chromedp.SendKeys("#username", "visitor_1"), chromedp.SendKeys("#password", tabPassword))
	p.clickAt(`main form button[type=submit]`)
	p.until("the account", `!!`+element("account-link"))
	instance.AnotherSale(t, a, "second", "Second Clock")

	p.open("/")
	p.until("the list", `document.querySelectorAll('`+hook("drops-live")+` `+hook("drop")+`').length === 2`)
	p.shows("account-link", "visitor_1")
	p.until("pictures", `[...document.querySelectorAll('`+hook("drop")+` img')].every(i => i.complete && i.naturalWidth > 0)`)
	for _, scheme := range []string{"light", "dark"} {
		p.do(media("prefers-color-scheme", scheme))
		p.examine(t, "the list of drops, "+scheme)
	}
	p.picture()
	p.clickAt(`a[href="/sales/second"]`)
	p.until("the page of the second sale", `document.title.includes("Second Clock")`)
	p.until("the time of the answer", `performance.getEntriesByType("navigation")[0].serverTiming.some(({ name, duration }) => name === "ledger" && Math.abs(duration - Date.now()) < 600000)`)
	p.until("no countdown to an end that is far", `document.getElementById("countdown").textContent === ""`)
	p.figures(70, 0, 70)
	p.do(chromedp.WaitEnabled(hook("buy-now-button")))
	p.click("buy-now-button")
	p.shows("purchase-result", "Success")
	p.figures(69, 1, 70)

	// The browser has kept the page, asks, and shows the figures of now and the same name.
	p.do(chromedp.Reload())
	p.figures(69, 1, 70)
	p.shows("account-link", "visitor_1")
	p.until("nothing is bought again", `document.querySelector("#outcome").textContent.trim() === "" && location.pathname === "/sales/second"`)
	p.open("/sales/flash-sale")
	p.until("the first sale's page", `!document.title.includes("Second")`)
	p.click("check-purchase-button")
	p.shows("user-purchase-status", "haven't purchased")
	p.do(chromedp.Evaluate[chromedp.Void](`history.back()`))
	p.until("the way back", `document.title.includes("Second Clock")`)
	p.figures(69, 1, 70)
	p.do(chromedp.Evaluate[chromedp.Void](element("check-purchase-button") + `.click()`)) // the page may come from the browser's memory
	p.shows("user-purchase-status", "already purchased")

	p.do(scripts(false))
	p.open("/sales/second")
	p.shows("account-link", "visitor_1")
	p.click("check-purchase-button")
	p.shows("user-purchase-status", "already purchased")
	p.click("buy-now-button")
	p.until("the receipt", `location.pathname.startsWith("/receipts/")`)
	p.shows("receipt-bought", "already purchased")
}
