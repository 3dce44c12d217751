package instance_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The page works for everybody: without scripts, with the keyboard only, in every palette, on a phone, and while the figures
// change during typing.
func TestBrowserPageIsForEverybody(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	for _, one := range []struct {
		name  string
		check func(*testing.T, *tab, *apiShoppers)
	}{
		{"without scripts", checkWithoutScripts},
		{"keyboard only", checkKeyboard},
		{"typing while frames arrive", checkTyping},
		{"palettes and motion", checkPalettes},
		{"accessibility", checkAccessibility},
		{"phone", checkPhone},
		{"away and back", checkThroughOutage},
	} {
		t.Run(one.name, func(t *testing.T) {
			one.check(t, openTab(t, browser, base), newAPIShoppers(t, base))
		})
	}
}

func checkWithoutScripts(t *testing.T, p *tab, c *apiShoppers) {
	p.do(scripts(false))
	p.open("/")
	p.click("users-tab")
	p.until("the users' tab", `location.search === "?tab=users"`)
	p.shows("users-section", "Total: ")
	p.click("preset-small")
	p.shows("reset-message", "Small (5)")
	p.figures(5, 0, 5)

	names := c.shoppers(2)
	// buy presses the button, which leads to the receipt. A reload there presses nothing, and a press again leads to the same page.
	buy := func(name string) (receipt string) {
		p.open("/")
		p.name(name)
		p.click("buy-now-button")
		const shown = `location.pathname.startsWith("/receipts/") && ["Success", "already purchased"].every(said => document.body.innerText.includes(said))`
		p.until("the receipt", shown)
		p.do(chromedp.Reload())
		p.until("the receipt after a reload", shown)
		return value[string](p, `location.pathname`)
	}
	buy(names[0])
	p.open("/")
	p.figures(4, 1, 5)
	p.name(names[0])
	p.click("check-purchase-button")
	p.shows("user-purchase-status", "You have already purchased this item!")

	p.click("specifications-tab")
	p.until("the specifications", `!document.getElementById('panel-specifications').hidden`)
	p.shows("current-stock", "4")

	if first, again := buy(names[1]), buy(names[1]); first != again {
		t.Errorf("the receipt is at %s, then at %s", first, again)
	}
	p.open("/")
	p.figures(3, 2, 5)

	p.name("nobody at all")
	p.click("buy-now-button")
	p.shows("purchase-result", "no such account")
	p.name("nobody at all")
	p.click("check-purchase-button")
	p.shows("user-purchase-status", "no such account")
}

func scripts(on bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	})
}

func checkKeyboard(t *testing.T, p *tab, c *apiShoppers) {
	p.open("/?tab=users")
	p.preset("small")
	name := c.shoppers(1)[0]
	p.open("/")
	p.tabTo("user-id-input")
	p.do(chromedp.KeyEvent(name), chromedp.KeyEvent(kb.Enter))
	p.shows("purchase-result", "Success")

	p.tabTo("check-purchase-button")
	p.do(chromedp.KeyEvent(kb.Enter))
	p.shows("user-purchase-status", "You have already purchased this item!")

	p.tabTo("main-tab")
	for _, step := range []struct{ key, open string }{
		{kb.ArrowRight, "specifications"}, {kb.End, "users"}, {kb.ArrowRight, "main"}, {kb.ArrowLeft, "users"}, {kb.Home, "main"},
	} {
		p.do(chromedp.KeyEvent(step.key))
		p.until("the tab "+step.open, `document.activeElement.dataset.testid === "`+step.open+`-tab"
			&& document.activeElement.getAttribute("aria-selected") === "true"
			&& [...document.querySelectorAll("[role=tabpanel]:not([hidden])")].map(e => e.id).join() === "panel-`+step.open+`"`)
	}
	outline := value[string](p, `getComputedStyle(document.activeElement).outlineStyle`)
	if outline == "none" {
		t.Error("the focus cannot be seen")
	}
}

// tabTo presses the Tab key until the element has the focus.
func (p *tab) tabTo(name string) {
	p.t.Helper()
	for range 30 {
		p.do(chromedp.KeyEvent(kb.Tab))
		if value[string](p, `document.activeElement?.dataset.testid ?? ""`) == name {
			return
		}
	}
	p.t.Fatalf("the Tab key does not reach %s", name)
}

func checkTyping(t *testing.T, p *tab, c *apiShoppers) {
	p.open("/")
	p.preset("medium")
	p.name("john_doe")
	p.do(chromedp.Evaluate[chromedp.Void](element("user-id-input") + `.setSelectionRange(2, 5)`))
	for i, name := range c.shoppers(3) {
		if got := len(c.press([]string{name})); got != 1 {
			t.Fatalf("%s has %d receipts", name, got)
		}
		p.figures(99-i, 1+i, 100)
		state := value[string](p, `(() => { const e = document.activeElement;
			return [e.dataset.testid, e.value, e.selectionStart, e.selectionEnd].join(" "); })()`)
		if want := "user-id-input john_doe 2 5"; state != want {
			t.Errorf("after a frame the form is %q, want %q", state, want)
		}
	}
	// The button follows the sale live, in both directions, with the name untouched.
	for _, step := range []struct {
		stock int
		off   string
	}{{3, ""}, {5, "!"}} {
		code, answer, err := c.post("/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, step.stock))
		if err != nil || code != 200 {
			t.Fatalf("setting the stock: %d %v %v", code, answer, err)
		}
		p.until(fmt.Sprintf("the button for a stock of %d", step.stock), step.off+element("buy-now-button")+`.hasAttribute("disabled")`)
	}
}

func media(features ...string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		params := emulation.SetEmulatedMediaParams{}
		for i := 0; i+1 < len(features); i += 2 {
			params.Features = append(params.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
		}
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, params)
		return err
	})
}

func checkPalettes(t *testing.T, p *tab, _ *apiShoppers) {
	p.open("/?tab=users")
	p.preset("small")
	brightness := `getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number).reduce((a, b) => a + b) / 3`
	p.do(media("prefers-color-scheme", "light"))
	if got := value[float64](p, brightness); got < 200 {
		t.Errorf("the light page has a brightness of %.0f", got)
	}
	p.do(media("prefers-color-scheme", "dark"))
	if got := value[float64](p, brightness); got > 60 {
		t.Errorf("the dark page has a brightness of %.0f", got)
	}
	animation := `getComputedStyle(` + element("pulsing-dot") + `).animationName`
	p.do(media("prefers-reduced-motion", "no-preference"))
	if got := value[string](p, animation); got == "none" {
		t.Error("the dot of a live sale does not pulse")
	}
	p.do(media("prefers-reduced-motion", "reduce"))
	if got := value[string](p, animation); got != "none" {
		t.Errorf("the dot pulses (%s) although reduced motion is asked for", got)
	}
}

func checkAccessibility(t *testing.T, p *tab, c *apiShoppers) {
	p.open("/?tab=users")
	p.preset("small")
	names := c.shoppers(5)
	for _, palette := range []string{"light", "dark"} {
		p.do(media("prefers-color-scheme", palette, "prefers-reduced-motion", "reduce"))
		p.open("/")
		p.examine(t, palette+", first sight")
		p.click("specifications-tab")
		p.examine(t, palette+", specifications")
		p.click("important-tab")
		p.examine(t, palette+", important")
		p.click("users-tab")
		p.shows("users-section", "Total: ")
		p.buy(names[0])
		p.shows("purchase-result", names[0])
		p.click("check-purchase-button")
		p.shows("user-purchase-status", "Purchase ID")
		p.examine(t, palette+", users with results")
		p.buy("nobody at all")
		p.shows("purchase-result", "no such account")
		p.examine(t, palette+", refused")
		p.open("/no/such/page")
		p.examine(t, palette+", a problem")
	}
	c.press(names)
	p.open("/")
	p.shows("status-text", "Sold Out")
	p.examine(t, "sold out")
}

// examine runs axe-core over the page as it stands.
func (p *tab) examine(t *testing.T, where string) {
	t.Helper()
	axe, err := os.ReadFile("testdata/axe/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.Evaluate[chromedp.Void](string(axe)))
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => r.violations.map(v => v.id + ": " + v.help + "\n    " + v.nodes.map(n => n.html).join("\n    ")))`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		t.Errorf("%s:\n  %s", where, strings.Join(found, "\n  "))
	}
}

func checkPhone(t *testing.T, p *tab, c *apiShoppers) {
	p.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile))
	p.open("/")
	p.preset("small")
	p.shows("users-section", "Total: ")
	p.buy(c.shoppers(1)[0])
	p.shows("purchase-result", "Success")
	for _, name := range []string{"main-tab", "specifications-tab", "important-tab", "users-tab"} {
		p.click(name)
		if wide := value[int](p, `document.documentElement.scrollWidth`); wide > 360 {
			t.Errorf("%s: the page is %d wide on a phone of 360", name, wide)
		}
		if !value[bool](p, element("status-text")+`.checkVisibility() && `+element("buy-now-button")+`.checkVisibility()`) {
			t.Errorf("%s hides the status or the form", name)
		}
	}
}
