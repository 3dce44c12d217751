package instance_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"

	"flashsale/app/instance/instancetest"
)

// An operator finds a shopper, bars the account with a reason, and finds in the audit log who did that, and what was refused. Each page is
// looked at in both palettes and sizes; names that were made to break something are text.
func TestBrowserFindsShoppersAndWhoDidWhat(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	p, api := openTab(t, browser, base), instancetest.NewClient(t, base)
	mine := api.BuySettled("john_doe_1")
	if r := api.Act(http.MethodPost, "/api/flash-sale/update-stock", map[string]any{"stockAmount": 150}); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	if r := api.Act(http.MethodPost, "/api/admin/orders/"+mine.Text("purchaseId")+"/cancel", map[string]any{"reason": `=cmd|' /C calc'!A0 "ש" 🦊 <b>`}); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	if r := api.Act(http.MethodPost, "/api/admin/sales/flash-sale/message", map[string]any{"message": "Back at 10:15 – thank you for your patience, we have found more of them"}, "If-Match: *"); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	if r := api.Act(http.MethodPost, "/api/admin/sales/flash-sale/resume", nil, "If-Match: *"); r.Status != http.StatusConflict {
		t.Fatal(r.Raw)
	}

	p.open("/admin/shoppers")
	p.until("the list", `document.querySelectorAll('[data-testid="shopper-line"]').length > 5`)
	p.seen(t, "shoppers")
	p.do(chromedp.SendKeys("#q", "JOHN_doe_1"))
	p.click("search")
	p.until("those that begin so", `location.search.includes("JOHN_doe_1") && document.querySelectorAll('[data-testid="shopper-line"]').length >= 1`)
	p.do(chromedp.Click(`[data-testid="shopper-line"] a`))
	p.until("the shopper", `location.pathname === "/admin/shoppers/john_doe_1" && !!`+element("bar"))
	p.shows("orders", "Cancelled")
	p.seen(t, "shopper")
	p.click("bar")
	p.until("the step", `location.pathname.endsWith("/bar")`)
	p.seen(t, "bar")
	p.click("confirm")
	p.until("what is wrong", `!!document.getElementById("reason-error")`)
	p.seen(t, "bar-refused")
	p.do(chromedp.SendKeys("#reason", `a bot, "שלום" says so`))
	p.click("confirm")
	p.shows("notice", "barred")
	p.shows("shopper-state", "Barred")
	p.seen(t, "shopper-barred")
	if r := api.Buy("john_doe_1"); r.Status != http.StatusForbidden {
		t.Errorf("a barred shopper is answered %d %s", r.Status, r.Raw)
	}
	p.click("unbar")
	p.until("the step back", `location.pathname.endsWith("/unbar")`)
	p.do(chromedp.SendKeys("#reason", "no bot"))
	p.click("confirm")
	p.shows("shopper-state", "May buy")

	p.open("/admin/audit")
	p.until("the acts", `document.querySelectorAll('[data-testid="act-line"]').length >= 6`)
	p.seen(t, "audit")
	if value[bool](p, `!!document.querySelector('main b')`) {
		t.Error("a reason has become a part of the page")
	}
	p.do(chromedp.Click(`input[name="refused"]`))
	p.click("search")
	p.until("only refused ones", `document.querySelectorAll('[data-testid="act-line"]').length >= 1 && !document.querySelector('[data-testid="act-line"]:not([data-refused])')`)
	p.seen(t, "audit-refused")
	p.open("/admin/audit?what=sale.stock")
	p.do(chromedp.Click(`[data-testid="act-line"] th a`))
	p.until("the entry", `!!`+element("changes"))
	p.shows("changes", "150")
	p.seen(t, "entry")
	p.open("/admin/audit?from=nonsense")
	p.until("what is wrong", `!!document.getElementById("from-error")`)
	p.seen(t, "audit-wrong")
	p.open("/admin/sales/flash-sale")
	p.do(chromedp.Click(`[data-testid="history"] a`))
	p.until("the entry of the newest act", `location.pathname.startsWith("/admin/audit/")`)
	for _, path := range []string{"/admin/shoppers?q=" + url.QueryEscape(`"><b>x`), "/admin/shoppers?q=zzz", "/admin/audit?who=" + url.QueryEscape(`"><b>x`)} {
		p.open(path)
		p.until(fmt.Sprintf("nothing for %s", path), `!!`+element("none")+` && !document.querySelector("main b")`)
	}
	p.seen(t, "audit-none")
	api.Verifies()
}
