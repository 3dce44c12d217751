package instance_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flashsale/app/instance"
)

// One intention is one press: whatever happens to its request, the page ends with one success, in the same words, without a touch.
func TestBrowserPressIsOnePress(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	for _, c := range []struct {
		name string
		// of is what happens to the nth request of the press.
		of func(n int64) fault
		// waits: the page says that it still waits.
		waits bool
		press func(p *tab)
		// requests are the least and the most for the one press.
		requests [2]int64
	}{
		{"a click", nil, false, (*tab).clickBuy, [2]int64{1, 1}},
		{"a double click", nil, false, (*tab).doubleClickBuy, [2]int64{1, 1}},
		{"a second click after the answer", nil, false, (*tab).clickBuyAgainAtTheAnswer, [2]int64{1, 1}},
		{"enter twice", nil, false, (*tab).enterTwice, [2]int64{1, 1}},
		{"an answer that is lost", first(unheard), false, (*tab).clickBuy, [2]int64{2, 3}},
		// After five refusals the pauses are longer than the time after which the page says that it waits.
		{"a server that is away", upTo(5, refused), true, (*tab).clickBuy, [2]int64{6, 6}},
		{"a portal in between", first(portal), false, (*tab).clickBuy, [2]int64{2, 2}},
		{"a dead request", first(swallowed), true, (*tab).clickBuy, [2]int64{2, 2}},
		{"a dead request and a double click", first(swallowed), true, (*tab).doubleClickBuy, [2]int64{2, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			of := c.of
			if of == nil {
				of = func(int64) fault { return none }
			}
			proxy, address := newPressProxy(t, base, of)
			p, api := openTab(t, browser, address), newAPIShoppers(t, base)
			if code, answer, err := api.post("/api/flash-sale/stock-preset/small", ""); err != nil || code != 200 {
				t.Fatalf("preset: %d %v %v", code, answer, err)
			}
			name := api.shoppers(1)[0]
			p.open("/")
			p.figures(5, 0, 5)
			p.name(name)
			p.do(chromedp.WaitEnabled(hook("buy-now-button")))
			p.records()
			c.press(p)
			if c.waits {
				p.until("that it waits", `document.getElementById("outcome").textContent.includes("Your press is safe")
					&& document.getElementById("outcome").textContent.includes("`+name+`")
					&& document.getElementById("purchase").getAttribute("aria-busy") === "true"`)
			}
			p.shows("purchase-result", "Success! The unit is yours.")
			p.figures(4, 1, 5)
			if n := proxy.presses.Load(); n < c.requests[0] || n > c.requests[1] {
				t.Errorf("%d purchase requests, want %v", n, c.requests)
			}
			if said := value[[]string](p, `window.said`); len(said) == 0 || said[0] != "Buying..." {
				t.Errorf("the page said %q", said)
			}
			if most := value[int](p, `window.most`); most != 1 {
				t.Errorf("the place held %d answers at once", most)
			}
			p.until("that it is not busy", `!document.getElementById("purchase").hasAttribute("aria-busy")`)

			// A later press is another one. It is answered in green too, with the receipt.
			p.name(name)
			p.click("buy-now-button")
			p.shows("purchase-result", "already purchased")
			p.until("green", element("purchase-result")+`.dataset.tone === "good" && `+element("purchase-result")+`.textContent.includes("Purchase ID")`)
			p.figures(4, 1, 5)
		})
	}
}

// Two browsers press in the same millisecond, and one unit is left. One has it, the other is told that there is none, and both pages
// show the same from then on.
func TestBrowsersRaceForTheLastUnit(t *testing.T) {
	t.Parallel()
	base := startProduct(t)
	api := newAPIShoppers(t, base)
	tabs := []*tab{openTab(t, startBrowser(t), base), openTab(t, startBrowser(t), base)}
	names := api.shoppers(len(tabs))
	if code, answer, err := api.post("/api/flash-sale/update-stock", `{"stockAmount":1}`); err != nil || code != 200 {
		t.Fatalf("one unit: %d %v %v", code, answer, err)
	}
	for i, p := range tabs {
		p.open("/")
		p.figures(1, 0, 1)
		p.name(names[i])
		p.do(chromedp.WaitEnabled(hook("buy-now-button")))
		p.records()
	}
	// Far enough ahead for both to know of it.
	at := time.Now().Add(time.Second).UnixMilli()
	for _, p := range tabs {
		p.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`setTimeout(() => { window.pressedAt = Date.now(); %s.click(); }, %d - Date.now())`, element("buy-now-button"), at)))
	}
	winner := -1
	for i, p := range tabs {
		p.until("an answer", `!!`+element("purchase-result")+` && document.querySelector("#outcome .title").textContent !== "Buying..."`)
		p.figures(0, 1, 1)
		p.shows("status-text", "Sold Out")
		p.until("the button switched off", element("buy-now-button")+`.hasAttribute("disabled")`)
		said := value[string](p, element("purchase-result")+`.textContent`)
		tone := value[string](p, element("purchase-result")+`.dataset.tone`)
		t.Logf("%s, %d ms after the moment: %s", names[i], value[int64](p, `window.pressedAt`)-at, said)
		switch won := strings.Contains(said, "Success! The unit is yours."); {
		case won && winner >= 0:
			t.Error("both have the last unit")
		case won:
			winner = i
		case tone == "good" || strings.Contains(said, "Success") || !strings.Contains(strings.ToLower(said), "sold out") && !strings.Contains(strings.ToLower(said), "claimed"):
			t.Errorf("the other is told %q in %s", said, tone)
		}
	}
	if winner < 0 {
		t.Fatal("nobody has the last unit")
	}
	for i, p := range tabs {
		want := "You haven't purchased this item yet"
		if i == winner {
			want = "You have already purchased this item!"
		}
		p.click("check-purchase-button")
		p.shows("user-purchase-status", want)
	}
}

func first(f fault) func(int64) fault { return upTo(1, f) }

func upTo(n int64, f fault) func(int64) fault {
	return func(at int64) fault {
		if at > 0 && at <= n {
			return f
		}
		return none
	}
}

func (p *tab) clickBuy() { p.t.Helper(); p.click("buy-now-button") }

func (p *tab) doubleClickBuy() {
	p.t.Helper()
	p.do(chromedp.Click(hook("buy-now-button")), chromedp.Evaluate[chromedp.Void](element("buy-now-button")+`.click()`))
}

// clickBuyAgainAtTheAnswer is a double click whose first half is answered before the second comes.
func (p *tab) clickBuyAgainAtTheAnswer() {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`new MutationObserver((_, again) => {
		if (document.querySelector('[data-testid="purchase-result"]')) { again.disconnect(); setTimeout(() => { document.getElementById("buy-now-button").click(); window.again = true; }, 150); }
	}).observe(document.getElementById("outcome"), { childList: true })`))
	p.clickBuy()
	p.until("the second click", `window.again === true`)
}

func (p *tab) enterTwice() {
	p.t.Helper()
	p.do(chromedp.Focus(hook("user-id-input")), chromedp.KeyEvent(kb.Enter))
	p.do(chromedp.KeyEvent(kb.Enter))
}

// records keeps what the place of answers has said, and how many answers it held at once.
func (p *tab) records() {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`(() => {
		window.said = []; window.most = 0;
		const place = document.getElementById("outcome");
		new MutationObserver(() => {
			const text = place.querySelector(".title")?.textContent ?? "";
			if (text && window.said.at(-1) !== text) window.said.push(text);
			window.most = Math.max(window.most, place.children.length);
		}).observe(place, { childList: true, subtree: true, characterData: true });
	})()`))
}

// A reload in the middle of a press asks for the same press again, and a page that was closed finds its claim.
func TestBrowserPressSurvivesAReload(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	proxy, address := newPressProxy(t, base, upTo(1, swallowed))
	p, api := openTab(t, browser, address), newAPIShoppers(t, base)
	p.open("/")
	p.preset("small")
	name := api.shoppers(1)[0]
	p.buy(name)
	p.until("the request", fmt.Sprintf(`document.getElementById("outcome").textContent.includes(%q)`, name))
	for proxy.presses.Load() == 0 {
		p.do(chromedp.Sleep(patience / 1000))
	}
	p.do(chromedp.Reload())
	p.shows("purchase-result", "Success! The unit is yours.")
	p.figures(4, 1, 5)
}

// Postgres stops while somebody buys, and goes on: the page ends with a success without a touch, whatever came between.
func TestBrowserPressOutlivesAStoppedLedger(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser := startBrowser(t)
	base, stop, goOn := instance.StartProductWithStops(t)
	var ofClaims atomic.Int64
	_, address := newPressProxy(t, base, func(n int64) fault {
		if n == 0 {
			return fault(ofClaims.Load())
		}
		return none
	})
	p, api := openTab(t, browser, address), newAPIShoppers(t, base)
	p.open("/")
	p.preset("small")
	names := api.shoppers(2)
	p.name(names[0])
	p.do(chromedp.WaitEnabled(hook("buy-now-button")))
	stop()
	p.click("buy-now-button")
	p.shows("purchase-result", "being confirmed")
	p.shows("purchase-result", names[0])

	// No answer to the question for the claim takes it away.
	for _, of := range []fault{refused, portal, unheard, none} {
		ofClaims.Store(int64(of))
		p.do(chromedp.Sleep(patience / 12))
		if !value[bool](p, `!!`+element("purchase-result")+` && `+element("purchase-result")+`.textContent.includes("being confirmed")`) {
			t.Fatalf("after fault %d the claim is out of sight", of)
		}
	}
	if address := value[string](p, `location.search`); len(address) < 10 {
		t.Errorf("the claim is not in the address: %q", address)
	}
	p.do(chromedp.Reload())
	p.shows("purchase-result", "being confirmed")
	// Somebody comes back by another tab, without the address.
	again := openTab(t, browser, address)
	again.open("/")
	again.until("the claim", `document.getElementById("outcome").textContent.includes("`+names[0]+`")`)
	goOn()
	for _, each := range []*tab{p, again} {
		each.shows("purchase-result", "Success! The unit is yours.")
		each.shows("purchase-result", names[0])
	}
	p.figures(4, 1, 5)
	p.until("an address without the claim", `!location.search.includes("claim")`)

	// Stopped for so long that the figures are known to be old before the press.
	stop()
	p.do(chromedp.Sleep(patience / 10))
	p.name(names[1])
	p.do(chromedp.Focus(hook("user-id-input")), chromedp.KeyEvent(kb.Enter))
	p.until("that it waits", `/Your press is safe|being confirmed/.test(document.getElementById("outcome").textContent)`)
	goOn()
	p.shows("purchase-result", "Success! The unit is yours.")
	p.figures(3, 2, 5)
}
