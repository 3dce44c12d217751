package instance_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flashsale/app/instance"
)

// The answer is where the eyes are: inside the viewport, with the focus, and the form below it stays where it is.
func TestBrowserAnswerIsInSight(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	for _, size := range [][2]int64{{375, 667}, {390, 664}, {1366, 650}, {320, 568}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			p, api := openTab(t, browser, base), newAPIShoppers(t, base)
			p.do(chromedp.EmulateViewport(size[0], size[1]))
			p.open("/")
			p.preset("small")
			name := api.shoppers(1)[0]
			p.click("main-tab")
			p.name(name)
			p.do(chromedp.WaitEnabled(hook("buy-now-button")), chromedp.ScrollIntoView(hook("buy-now-button")))
			// Measured from the place of the answer, because the figures above it have lines that come and go. On a phone the button for
			// buying stays at the bottom of the window, and the other one moves with the form.
			place := element("check-purchase-button") + `.getBoundingClientRect().top - document.getElementById("outcome").getBoundingClientRect().top`
			bottom := `getComputedStyle(` + element("buy-now-button") + `).position === "fixed" ? innerHeight - ` + element("buy-now-button") + `.getBoundingClientRect().bottom : -1`
			before, below := value[float64](p, place), value[float64](p, bottom)
			if phone := size[0] < 768; phone != (below >= 0) {
				t.Errorf("the button ends %.0f above the bottom of the window", below)
			}
			p.click("buy-now-button")
			p.shows("purchase-result", "Success")
			p.inSight("purchase-result")
			p.until("the focus on the answer", `document.activeElement.id === "outcome"`)
			if after := value[float64](p, place); after != before {
				t.Errorf("the button stood %.0f below and stands %.0f below", before, after)
			}
			p.name(name)
			p.click("buy-now-button")
			p.shows("purchase-result", "already purchased")
			p.inSight("purchase-result")
			if after := value[float64](p, place); after != before {
				t.Errorf("after a repeat the button stands %.0f below, not %.0f", after, before)
			}
			p.click("check-purchase-button")
			p.shows("user-purchase-status", "Purchase ID")
			p.inSight("user-purchase-status")
			p.absent("purchase-result")
			p.name("nobody")
			p.until("no answer about somebody else", `document.getElementById("outcome").children.length === 0`)
			p.click("check-purchase-button")
			p.shows("user-purchase-status", "no such account")
			if after := value[float64](p, place); after != before {
				t.Errorf("after a check the button stands %.0f below, not %.0f", after, before)
			}
			if now := value[float64](p, bottom); now != below {
				t.Errorf("the button ends %.0f above the bottom of the window, then %.0f", below, now)
			}
			if wide := value[int64](p, `document.documentElement.scrollWidth`); wide > size[0] {
				t.Errorf("the page is %d wide", wide)
			}
		})
	}
}

func (p *tab) inSight(name string) {
	p.t.Helper()
	p.until(name+" inside the viewport", `(() => { const at = `+element(name)+`.getBoundingClientRect(); return at.height > 0 && at.top > -1 && at.bottom < innerHeight + 1; })()`)
}

// Two browsers want the last unit. One is told of its success, and only then that the sale is sold out; the other is told why not.
func TestBrowserRaceForTheLastUnit(t *testing.T) {
	t.Parallel()
	base := startProduct(t)
	api := newAPIShoppers(t, base)
	tabs := []*tab{openTab(t, startBrowser(t), base), openTab(t, startBrowser(t), base)}
	for range 3 {
		if code, answer, err := api.post("/api/flash-sale/stock-preset/small", ""); err != nil || code != 200 {
			t.Fatalf("preset: %d %v %v", code, answer, err)
		}
		names := api.shoppers(6)
		api.press(names[2:])
		for i, p := range tabs {
			p.open("/")
			p.figures(1, 4, 5)
			p.name(names[i])
			p.do(chromedp.WaitEnabled(hook("buy-now-button")), chromedp.Evaluate[chromedp.Void](`(() => {
				window.early = []; window.first = "";
				new MutationObserver(() => {
					const answer = document.querySelector('[data-testid="purchase-result"]')?.textContent ?? "";
					const status = document.querySelector('[data-testid="status-text"]').textContent;
					// What changes while a region is busy is announced when it no longer is.
					if (status === "Sold Out" && !answer && !document.getElementById("live").hasAttribute("aria-busy")) window.early.push(status);
				}).observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
			})()`))
		}
		for _, p := range tabs {
			p.do(chromedp.Evaluate[chromedp.Void](`setTimeout(() => document.getElementById("buy-now-button").click(), 300)`))
		}
		won := 0
		for i, p := range tabs {
			p.until("an answer", `!!`+element("purchase-result")+` && !`+element("purchase-result")+`.hasAttribute("data-claim")`)
			text := value[string](p, element("purchase-result")+`.textContent`)
			if strings.Contains(text, "Success") {
				won++
			} else if !strings.Contains(text, "sold out") && !strings.Contains(text, "claimed") {
				t.Errorf("the loser reads %q", text)
			}
			if !strings.Contains(text, names[i]) {
				t.Errorf("%s is not named in %q", names[i], text)
			}
			p.shows("status-text", "Sold Out")
			if early := value[int](p, `window.early.length`); early != 0 {
				t.Error("sold out is announced before the answer")
			}
			p.until("that the figures are read out again", `!document.getElementById("live").hasAttribute("aria-busy")`)
			p.until("the focus on the answer", `document.activeElement.id === "outcome"`)
		}
		if won != 1 {
			t.Errorf("%d of two have the last unit", won)
		}
	}
}

// Enter in the field for the name does what the button would do, and says why that is nothing.
func TestBrowserEnterSaysWhy(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	p, api := openTab(t, browser, base), newAPIShoppers(t, base)
	p.open("/")
	p.preset("small")
	names := api.shoppers(6)
	p.do(chromedp.Focus(hook("user-id-input")), chromedp.KeyEvent(kb.Enter))
	p.until("that a name is wanted", element("user-id-input")+`.matches(":invalid") && document.activeElement === `+element("user-id-input"))

	enter := func(name string) {
		p.name(name)
		p.do(chromedp.KeyEvent(kb.Enter))
	}
	if code, answer, err := api.post("/api/flash-sale/pause", ""); err != nil || code != 200 {
		t.Fatalf("pause: %d %v %v", code, answer, err)
	}
	p.shows("status-text", "Paused")
	enter(names[0])
	p.shows("purchase-result", "paused")
	if code, answer, err := api.post("/api/flash-sale/resume", ""); err != nil || code != 200 {
		t.Fatalf("resume: %d %v %v", code, answer, err)
	}
	p.shows("status-text", "Flash Sale Live!")
	api.press(names[:5])
	p.shows("status-text", "Sold Out")
	enter(names[5])
	p.shows("purchase-result", "sold out")
	// An owner hears of the receipt, in every state of the sale.
	enter(names[0])
	p.shows("purchase-result", "already purchased")
}

// Without scripts a claim without a verdict is a page that looks again by itself, and by a link.
func TestBrowserFollowsAClaimWithoutScripts(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base, stop, goOn := instance.StartProductWithStops(t)
	p, api := openTab(t, browser, base), newAPIShoppers(t, base)
	p.do(scripts(false))
	p.open("/?tab=users")
	p.click("preset-small")
	p.shows("reset-message", "Small (5)")
	name := api.shoppers(1)[0]
	p.name(name)
	stop()
	p.click("buy-now-button")
	p.shows("purchase-result", "being confirmed")
	p.shows("purchase-result", name)
	p.inSight("purchase-result")
	if got := value[string](p, element("user-id-input")+`.value`); got != name {
		t.Errorf("the form has %q", got)
	}
	p.click("check-again")
	p.shows("purchase-result", "being confirmed")
	goOn()
	p.shows("purchase-result", "Success")
	p.shows("purchase-result", "Purchase ID")
	p.figures(4, 1, 5)
}
