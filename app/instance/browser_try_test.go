package instance_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// "Try this user" shows what the shopper of that line has, and the button for buying follows what is known of the name in the
// form.
func TestBrowserTriesUsers(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	p, c := openTab(t, browser, base), newAPIShoppers(t, base)
	p.open("/")
	p.preset("small")
	p.figures(5, 0, 5)
	names := c.shoppers(2)
	owner, other := names[0], names[1]
	p.buy(owner)
	p.shows("purchase-result", "Success")

	p.tries(other)
	p.shows("user-purchase-status", "You haven't purchased this item yet")
	p.absent("purchase-result")
	p.until("the first tab with the form", `document.querySelector("[role=tabpanel]:not([hidden])").id === "panel-main"
		&& document.activeElement.dataset.testid === "user-id-input"`)
	p.until("the button switched on", `!`+element("buy-now-button")+`.disabled`)

	p.tries(owner)
	p.shows("user-purchase-status", "You have already purchased this item!")
	p.until("the button switched off", element("buy-now-button")+`.disabled`)
	// Another name switches it on, the same name off again.
	p.do(chromedp.SendKeys(hook("user-id-input"), "x"))
	p.until("the button switched on", `!`+element("buy-now-button")+`.disabled`)
	p.name(owner)
	p.until("the button switched off", element("buy-now-button")+`.disabled`)
	// A purchase of somebody else is a frame of the same generation, a reset by another operator begins a new one.
	c.press([]string{other})
	p.figures(3, 2, 5)
	if !p.disabled("buy-now-button") {
		t.Error("a frame has switched the button on")
	}
	if code, answer, err := c.post("/api/flash-sale/reset", `{}`); err != nil || code != 200 {
		t.Fatalf("reset: %d %v %v", code, answer, err)
	}
	p.figures(5, 0, 5)
	p.until("the button switched on", `!`+element("buy-now-button")+`.disabled`)
}

// tries presses "Try this user" in the line of a shopper, in the tab of users.
func (p *tab) tries(name string) {
	p.t.Helper()
	p.click("users-tab")
	p.clickAt(`[data-try="` + name + `"]`)
	p.until("the name in the form", element("user-id-input")+`.value === "`+name+`"`)
}

// Without scripts the link of "Try this user" leads to the page of the first tab, with the check beside the form.
func TestBrowserTriesUsersWithoutScripts(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	p := openTab(t, browser, startProduct(t))
	p.do(scripts(false))
	p.open("/?tab=users")
	p.clickAt(`[data-try="john_doe"]`)
	p.shows("user-purchase-status", "You haven't purchased this item yet")
	p.until("the first tab with the form", `!document.getElementById("panel-main").hidden && `+element("user-id-input")+`.value === "john_doe"`)
}

// A page that is left ends its stream: nothing of it is an error in the console, for which openTab fails the test. The browser
// breaks the connections of a page when it leaves it, or when the shopper stops that: then the page stays, and connects again.
func TestBrowserLeavesAPageWithoutAnError(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	p, c := openTab(t, browser, base), newAPIShoppers(t, base)
	silent := make(chan struct{})
	end := sync.OnceFunc(func() { close(silent) })
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	t.Cleanup(func() { end(); elsewhere.Close() })
	p.open("/")
	p.preset("small")
	p.figures(5, 0, 5)
	p.until("that nothing else is under way", `!document.querySelector(".htmx-request")`) // htmx itself complains when that is broken
	for range 3 {
		p.do(chromedp.Evaluate[chromedp.Void](`setTimeout(() => location.assign("` + elsewhere.URL + `")); setTimeout(() => { window.stop(); window.stopped = true }, 100)`))
		p.until("that it stays", `window.stopped === true`)
	}
	c.press(c.shoppers(1))
	p.figures(4, 1, 5)
	end()
	p.do(chromedp.Evaluate[chromedp.Void](`location.assign("/health")`))
	p.until("another page", `location.pathname === "/health"`)
}
