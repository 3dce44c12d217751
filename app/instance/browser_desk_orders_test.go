package instance_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
)

// An operator finds an order from the run of show, reads its history, and cancels it. Each page is looked at small and large, in the
// light and in the dark; with DESK_SCREENSHOTS naming a directory they are saved there.
func TestBrowserFindsAndCancelsAnOrderOnTheDesk(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base, lock := instance.StartProductWithLocks(t)
	p, shoppers := openTab(t, browser, base), newAPIShoppers(t, base)
	api := instancetest.NewClient(t, base)
	var ids []string
	for i, name := range shoppers.shoppers(5) {
		r := api.Call(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name})
		if r.Status != http.StatusCreated {
			t.Fatalf("%s: %d %s", name, r.Status, r.Raw)
		}
		if ids = append(ids, r.Text("purchaseId")); i == 1 {
			api.Act(http.MethodPost, "/api/admin/orders/"+ids[1]+"/cancel", map[string]string{"reason": "A card was stolen; the bank called"})
		}
	}
	p.open("/admin/sales/flash-sale")
	p.shows("sum-sold", "4")
	p.do(chromedp.Click(`[data-testid="sum-sold"]`)) // the figure leads there, not only its name
	p.until("the orders", `location.pathname === "/admin/orders" && document.querySelectorAll('[data-testid="order-line"]').length === 4`)
	p.seen(t, "orders-filtered")
	p.open("/admin/orders")
	p.seen(t, "orders")
	p.open("/admin/orders?q=john%E2%80%AE&from=2026-02-30T10:00&generation=7")
	p.shows("problem", "marked")
	p.seen(t, "orders-wrong")
	p.open("/admin/orders?q=nobody")
	p.shows("orders-none", "No order was found")
	p.seen(t, "orders-none")

	p.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("q").value = ""`), chromedp.SendKeys("#q", "3\r"))
	p.until("the orders of the unit", `document.querySelectorAll('[data-testid="order-line"]').length === 1 && !!`+element("orders-note"))
	p.do(chromedp.Click(`[data-testid="order-line"] th a`))
	p.until("the order", `location.pathname.startsWith("/admin/orders/") && !!`+element("order-timeline"))
	p.seen(t, "order")
	order := value[string](p, `location.pathname`)
	p.click("order-cancel")
	p.until("the step", `location.pathname.endsWith("/cancel")`)
	p.seen(t, "order-step")
	p.click("confirm")
	p.until("that a reason is needed", `document.getElementById("reason").getAttribute("aria-invalid") === "true"`)
	p.seen(t, "order-step-wrong")
	if r := api.Call(http.MethodGet, "/api"+order, nil); fmt.Sprint(r.Body["cancelled"]) != "<nil>" {
		t.Errorf("without a reason it is %s", r.Raw)
	}
	p.do(chromedp.SendKeys("#reason", "Asked for it by phone"))
	p.click("confirm")
	p.shows("notice", "cancelled")
	p.shows("order-timeline", "Asked for it by phone")
	p.shows("order-state", "Cancelled")
	p.seen(t, "order-cancelled")
	p.open("/admin/sales/flash-sale/units")
	p.shows("units-free", "came back")
	p.seen(t, "units")
	p.open("/admin/sales/flash-sale")
	p.seen(t, "show-linked")
	p.do(chromedp.Click(`[data-testid="sum-pending"]`))
	p.until("the undecided claims", `location.pathname === "/admin/claims" && location.search === "?sale=flash-sale"`)
	p.shows("claims-advice", "nothing to do")
	p.seen(t, "claims-none")
	release := lock(`SELECT FROM stock FOR UPDATE`)
	defer release()
	r, err := api.TryWith(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": shoppers.shoppers(6)[5]}, http.Header{"Prefer": {"respond-async"}})
	if err != nil || r.Status != http.StatusAccepted {
		t.Fatalf("%v, %d %s", err, r.Status, r.Raw)
	}
	p.listsClaim(r.Text("claimId"), "tries to decide it")
	p.seen(t, "claims")
	release()
	p.listsClaim("", "")
	for name, path := range map[string]string{"orders-german": "/admin/orders?state=confirmed&lang=de", "order-german": order + "?lang=de", "step-german": "/admin/orders/" + ids[0] + "/cancel?lang=de"} {
		p.open(path)
		p.until("German", `document.documentElement.lang === "de"`)
		p.seen(t, name)
	}
	api.Verifies()
}

// listsClaim looks again until the page lists only that claim, or none for "", and says that of it.
func (p *tab) listsClaim(id, says string) {
	p.t.Helper()
	for range 200 {
		found := value[string](p, `[...document.querySelectorAll('[data-testid="claim-line"]')].map(l => l.dataset.claim + " " + l.textContent).join("|")`)
		if id == "" && found == "" || id != "" && strings.HasPrefix(found, id) && strings.Contains(found, says) && !strings.Contains(found, "|") {
			return
		}
		time.Sleep(100 * time.Millisecond)
		p.open(value[string](p, `location.pathname + location.search`))
	}
	p.t.Fatalf("the page does not list %q with %q", id, says)
}
