package instance_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"flashsale/app/instance/instancetest"
)

// An operator who knows nothing walks a whole drop through the desk: it is made, announced, opens by the clock, sells, is paused and goes
// on, gets more stock, and is closed. With DESK_SCREENSHOTS naming a directory each page is saved there, in two sizes and both palettes.
func TestBrowserWalksADropThroughTheDesk(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	p, shoppers := openTab(t, browser, base), newAPIShoppers(t, base)
	names, api := shoppers.shoppers(6), instancetest.NewClient(t, base)

	p.open("/admin")
	p.shows("sale-line", "flash-sale")
	p.seen(t, "sales")
	p.click("new-sale")
	p.until("the form", `!!document.getElementById("slug")`)
	p.seen(t, "new")
	start := value[int64](p, `Date.now()`) + 6_000
	for name, v := range map[string]string{
		"slug": "winter-drop", "name": "Winter coat", "price": "199.50", "currency": "EUR", "stock": "5", "zone": "UTC",
		"start": time.UnixMilli(start).UTC().Format("2006-01-02T15:04:05"), "end": time.UnixMilli(start).UTC().Add(time.Hour).Format("2006-01-02T15:04"),
	} {
		p.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{ const f = document.getElementById(%q); f.step = 'any'; f.value = %q; }`, name, v)))
	}
	p.click("submit")
	p.shows("notice", "draft")
	p.shows("checklist", "Stock")
	p.seen(t, "draft")

	p.confirm("schedule")
	// The page hears of it by itself, and its buttons stay where they are.
	place := `JSON.stringify([...document.querySelectorAll(".actions a")].map(a => a.getBoundingClientRect().y - document.querySelector(".head").getBoundingClientRect().y))`
	before := value[string](p, place)
	p.until("the sale opened by the clock", element("state")+`.dataset.state === "open" && `+element("act-open")+`.getAttribute("aria-disabled") === "true"`)
	if after := value[string](p, place); after != before {
		t.Errorf("the buttons were at %s and are at %s", before, after)
	}
	p.shows("state", "Open")
	for _, name := range names[:3] {
		if r := api.Call(http.MethodPost, "/api/sales/winter-drop/purchase", map[string]string{"username": name}); r.Status != http.StatusCreated {
			t.Fatalf("%s: %d %s", name, r.Status, r.Raw)
		}
	}
	if value[bool](p, `!document.getElementById("changed").hidden`) {
		t.Error("the clock is taken for a colleague")
	}
	p.shows("sum-sold", "3")
	p.shows("sum-free", "2")
	p.until("charts", `document.querySelectorAll("#plots canvas").length === 3`)
	p.seen(t, "show")

	// The key leads to the step, and nothing is done until it is confirmed.
	p.do(chromedp.KeyEvent("p"))
	p.until("the step", `location.pathname.endsWith("/pause")`)
	p.seen(t, "pause")
	if r := api.Call(http.MethodGet, "/api/admin/sales/winter-drop", nil); r.Text("state") != "open" {
		t.Errorf("a key alone has made it %s", r.Raw)
	}
	p.click("confirm")
	p.shows("notice", "paused")
	if r := api.Call(http.MethodPost, "/api/sales/winter-drop/purchase", map[string]string{"username": names[3]}); r.Status != http.StatusConflict {
		t.Errorf("a paused sale answers %d %s", r.Status, r.Raw)
	}
	p.confirm("resume")
	p.shows("state", "Open")

	p.click("act-stock")
	p.until("the question", `!!document.getElementById("amount")`)
	p.seen(t, "stock")
	p.do(chromedp.Click(`input[name="how"][value="add"]`), chromedp.SendKeys("#amount", "50"))
	p.click("continue")
	p.shows("effects", "5 → 55, 3 sold")
	// A colleague is faster.
	if r := api.Act(http.MethodPost, "/api/admin/sales/winter-drop/stock", map[string]any{"how": "set", "amount": 10}, "If-Match: *"); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	p.click("confirm")
	p.shows("changed", "10")
	p.shows("effects", "10 → 60, 3 sold")
	p.seen(t, "colleague")
	p.click("confirm")
	p.shows("notice", "60")
	p.shows("history", "Stock changed")

	p.confirm("close")
	p.until("closed", `/closing|closed/.test(`+element("state")+`.dataset.state)`)
	for _, page := range []string{"/edit", "/duplicate", "/preview", "/reset?stock=5"} {
		p.open("/admin/sales/winter-drop" + page)
		p.seen(t, strings.Trim(strings.NewReplacer("/", "", "?", "-", "=", "-").Replace(page), "-"))
	}
	api.Verifies()
}

// confirm takes an act's two steps.
func (p *tab) confirm(act string) {
	p.t.Helper()
	p.click("act-" + act)
	p.until("the step before "+act, `location.pathname.endsWith("/`+act+`") && !!`+element("confirm"))
	p.click("confirm")
	p.until("the sale after "+act, `location.search === "?done=`+act+`"`)
}

// palettes shows a page in that palette.
func palettes(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	})
}

// seen looks at a page as everybody may meet it: small and large, in the light and in the dark.
func (p *tab) seen(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("DESK_SCREENSHOTS")
	for _, palette := range []string{"light", "dark"} {
		for _, width := range []int64{390, 1440} {
			if dir == "" && (palette == "dark") != (width == 390) {
				continue // each palette and each size once; the other two are for the eyes
			}
			p.do(chromedp.EmulateViewport(width, 844), palettes(palette))
			p.examine(t, fmt.Sprintf("%s, %s, %d", name, palette, width))
			if wide := value[int64](p, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("%s is %d wide in a window of %d", name, wide, width)
			}
			if dir == "" {
				continue
			}
			ctx, cancel := context.WithTimeout(p.ctx, patience)
			image, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, palette)), image, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
