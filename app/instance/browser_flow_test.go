package instance_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The original's four test scripts, carried out through the same data-testid attributes in a real browser against a whole
// product: the core flow, a hundred shoppers for five units, the presets, and switching between presets.
func TestBrowserRunsTheOriginalsScripts(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	for _, script := range []struct {
		name string
		walk func(*testing.T, *tab, *apiShoppers)
	}{
		{"core flow", walkCoreFlow},
		{"a hundred shoppers for five units", walkHundredForFive},
		{"presets", walkPresets},
		{"switching presets", walkSwitching},
		{"resets and users", walkResets},
	} {
		t.Run(script.name, func(t *testing.T) {
			script.walk(t, openTab(t, browser, base), newAPIShoppers(t, base))
		})
	}
}

func walkCoreFlow(t *testing.T, p *tab, c *apiShoppers) {
	p.open("/")
	if title := value[string](p, `document.title`); title != "Flash Sale System" {
		t.Errorf("title %q", title)
	}
	p.preset("small")
	p.figures(5, 0, 5)
	p.shows("status-text", "Flash Sale Live!")
	names := c.shoppers(7)
	// A navigation deletes this variable.
	p.do(chromedp.Evaluate[chromedp.Void](`window.stayed = true`))

	if !p.disabled("buy-now-button") {
		t.Error("the button is on although nobody is named")
	}
	p.absent("purchase-result")
	p.absent("user-purchase-status")

	p.buy(names[0])
	p.shows("purchase-result", "Success")
	p.figures(4, 1, 5)
	if got := value[string](p, element("user-id-input")+`.value`); got != names[0] {
		t.Errorf("after the purchase the form has %q, want %q", got, names[0])
	}

	p.buy(names[0])
	p.shows("purchase-result", "already purchased")
	p.figures(4, 1, 5)

	p.click("check-purchase-button")
	p.shows("user-purchase-status", "You have already purchased this item!")
	p.shows("user-purchase-status", "Purchase ID: ")
	p.name(names[6])
	p.click("check-purchase-button")
	p.shows("user-purchase-status", "You haven't purchased this item yet")

	for i, name := range names[1:5] {
		p.buy(name)
		p.shows("purchase-result", name)
		p.figures(3-i, 2+i, 5)
	}
	p.shows("status-text", "Sold Out")
	p.name(names[5])
	p.until("the button switched off", element("buy-now-button")+`.hasAttribute("disabled")`)
	if !value[bool](p, `window.stayed === true`) {
		t.Error("the page was navigated away from")
	}
}

func walkHundredForFive(t *testing.T, p *tab, c *apiShoppers) {
	p.open("/")
	p.preset("small")
	p.figures(5, 0, 5)
	// Small asks for fifteen shoppers only; seeding more is for this script.
	if code, answer, err := c.post("/api/users/seed", `{"userCount":150}`); err != nil || code != 200 {
		t.Fatalf("seeding: %d %v %v", code, answer, err)
	}
	if sold := len(c.press(c.shoppers(100))); sold != 5 {
		t.Errorf("%d of a hundred shoppers have a receipt for five units", sold)
	}
	p.figures(0, 5, 5)
	p.shows("status-text", "Sold Out")
}

func walkPresets(t *testing.T, p *tab, c *apiShoppers) {
	p.open("/")
	for _, run := range []struct {
		preset              string
		total, buyers, rest int
	}{{"small", 5, 3, 2}, {"medium", 100, 80, 20}, {"large", 1000, 200, 800}} {
		p.preset(run.preset)
		p.figures(run.total, 0, run.total)
		if sold := len(c.press(c.shoppers(run.buyers))); sold != run.buyers {
			t.Errorf("%s: %d of %d shoppers have a receipt", run.preset, sold, run.buyers)
		}
		p.figures(run.rest, run.buyers, run.total)
		p.shows("status-text", "Flash Sale Live!")
	}
	p.preset("extreme")
	p.figures(10_000, 0, 10_000)
}

func walkSwitching(t *testing.T, p *tab, c *apiShoppers) {
	p.open("/")
	var buyer string
	for _, step := range []struct {
		preset string
		total  int
	}{{"small", 5}, {"medium", 100}, {"large", 1000}, {"medium", 100}, {"small", 5}} {
		p.preset(step.preset)
		p.figures(step.total, 0, step.total)
		p.absent("purchase-result")
		if buyer == "" {
			buyer = c.shoppers(1)[0]
		}
		// The same shopper every time: a new preset is a new sale for everybody.
		p.buy(buyer)
		p.shows("purchase-result", "Success")
		p.figures(step.total-1, 1, step.total)
	}
}

func walkResets(t *testing.T, p *tab, c *apiShoppers) {
	p.open("/")
	p.preset("medium")
	p.buy(c.shoppers(1)[0])
	p.figures(99, 1, 100)

	p.click("reset-system-button-maintain")
	p.figures(100, 0, 100)
	p.click("reset-system-button-small")
	p.figures(5, 0, 5)
	p.shows("reset-message", "reset")
	said := time.Now()

	p.shows("users-section", "Total: ")
	p.until("the page of pages", `/Total: \d+ users \(Page 1 of \d+\)/.test(`+element("users-section")+`.textContent)`)
	// The reset makes the page read the list again, which may take a click's answer away.
	p.clickUntil(`.pager a`, "the second page", `/\(Page 2 of \d+\)/.test(`+element("users-section")+`.textContent)`)
	wanted := value[string](p, `document.querySelector('[data-try]').dataset.try`)
	p.clickAt(`[data-try]`)
	p.shows("user-purchase-status", "You haven't purchased this item yet")
	if got := value[string](p, element("user-id-input")+`.value`); got != wanted {
		t.Errorf("trying %q put %q into the form", wanted, got)
	}
	p.until("the button switched on", `!`+element("buy-now-button")+`.hasAttribute("disabled")`)

	// The contract: at least five seconds, so that it can be read.
	p.do(chromedp.Sleep(time.Until(said.Add(5 * time.Second))))
	p.shows("reset-message", "reset")
}
