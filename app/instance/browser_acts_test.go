package instance_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"flashsale/app/instance/instancetest"
	"flashsale/app/web/request"
)

// An operator's press on the page is one act, and it is meant for the sale as the page shows it.
func TestBrowserActsOnceForAPress(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	base := startProduct(t)
	for _, one := range []struct {
		name  string
		check func(*testing.T, *tab, *instancetest.Client)
	}{
		{"a double click", checkDoubleClick},
		{"two clicks, one after the other", checkTwoClicks},
		{"a key that is held down", checkHeldKey},
		{"a form that is older than a colleague's act", checkOldStockForm},
		{"a preset after a colleague's act", checkPresetAfterColleague},
		{"an act that is not answered", checkUnansweredAct},
		{"an act that takes long", checkLongAct},
		{"another act while one is under way", checkSecondAct},
		{"a reset with orders", checkSweptOrders},
		{"the pages of the list", checkPager},
	} {
		t.Run(one.name, func(t *testing.T) {
			p := openTab(t, browser, base)
			p.open("/?tab=users")
			p.shows("users-section", "Total: ")
			one.check(t, p, instancetest.NewClient(t, base))
		})
	}
}

func generation(c *instancetest.Client) int { return int(c.Status().Number("generation")) }

// showsRevision waits until the page shows the sale at its present revision.
func (p *tab) showsRevision(c *instancetest.Client) {
	p.t.Helper()
	revision := strconv.Itoa(int(c.Status().Number("revision")))
	p.until("revision "+revision, `document.getElementById("sale").dataset.revision === "`+revision+`"`)
}

// mouse clicks a button; count says which click of a double click it is.
func (p *tab) mouse(name string, count int) {
	p.t.Helper()
	p.do(chromedp.ScrollIntoView(hook(name)))
	box := value[[]float64](p, `(() => { const r = `+element(name)+`.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`)
	for _, move := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		p.do(chromedp.MouseEvent(move, box[0], box[1], chromedp.Button("left"), chromedp.ClickCount(count)))
	}
}

// answered runs what presses a button of the users' tab, and waits until the page has the answer.
func (p *tab) answered(send func()) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`window.answered = false;
		document.addEventListener('htmx:finally:request', ({ target }) => { window.answered ||= !!target.closest('.controls'); })`))
	send()
	p.until("the answer", `window.answered`)
}

// quiet waits until the page has sent what it was to send, and has all the answers.
func (p *tab) quiet() {
	p.t.Helper()
	p.answered(func() { p.clickAt(`form[hx-get="/"] button`) })
	p.until("all answers", `!document.querySelector(".users form.htmx-request")`)
}

// The second click comes after the answer to the first. It began a second generation.
func checkDoubleClick(t *testing.T, p *tab, c *instancetest.Client) {
	for _, name := range []string{"reset-system-button-small", "reset-system-button-maintain", "preset-small"} {
		before := generation(c)
		p.answered(func() { p.mouse(name, 1) })
		p.mouse(name, 2)
		p.quiet()
		if now := generation(c); now != before+1 {
			t.Errorf("a double click on %s begins %d generations", name, now-before)
		}
	}
}

// Whoever clicks again after the answer means it: the page has a new key.
func checkTwoClicks(t *testing.T, p *tab, c *instancetest.Client) {
	before := generation(c)
	for range 2 {
		p.answered(func() { p.mouse("reset-system-button-small", 1) })
		p.shows("reset-message", "The sale was reset")
	}
	if now := generation(c); now != before+2 {
		t.Errorf("two clicks begin %d generations", now-before)
	}
}

func checkHeldKey(t *testing.T, p *tab, c *instancetest.Client) {
	before := generation(c)
	p.do(chromedp.Focus(hook("reset-system-button-small")))
	press := func(again bool) {
		p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{
				Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13, AutoRepeat: &again,
			})
			return err
		}))
	}
	p.answered(func() { press(false) })
	press(true)
	press(true)
	p.quiet()
	if now := generation(c); now != before+1 {
		t.Errorf("a key that is held down begins %d generations", now-before)
	}
}

// The stock in a form is meant for the sale that its operator saw when the page was made, though the page shows the colleague's.
func checkOldStockForm(t *testing.T, p *tab, c *instancetest.Client) {
	c.Act(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 77}).Is(t, http.StatusOK, "")
	p.showsRevision(c)
	p.click("update-stock-button")
	p.shows("reset-message", "Somebody else changed the sale")
	if n := c.Status().Number("maxStock"); n != 77 {
		t.Errorf("the colleague's stock is overwritten with %v", n)
	}
	p.do(chromedp.SetValue(`#stock-amount`, "42"))
	p.click("update-stock-button")
	p.shows("reset-message", "The stock is now 42 units")
	p.figures(42, 0, 42)
}

// A preset is meant for the sale as the page shows it, and acts on the first click.
func checkPresetAfterColleague(t *testing.T, p *tab, c *instancetest.Client) {
	c.Act(http.MethodPost, "/api/flash-sale/reset", nil).Is(t, http.StatusOK, "")
	p.showsRevision(c)
	p.preset("medium")
	p.figures(100, 0, 100)
}

// The page gave up an act after a minute, and with it the act ended: a seeding may take five.
func checkLongAct(t *testing.T, p *tab, _ *instancetest.Client) {
	p.do(chromedp.Evaluate[chromedp.Void](`document.addEventListener('htmx:before:request', ({ target, detail }) => {
		if (target.closest('.controls')) window.patience = htmx.parseInterval(detail.ctx.request.timeout);
	})`))
	p.answered(func() { p.clickAt(`form[hx-post="/api/users/seed"] button`) })
	if ms := value[float64](p, `window.patience`); ms < float64(request.OperationTime.Milliseconds()) {
		t.Errorf("the page waits for %v ms", ms)
	}
}

// The answer is lost on its way. The next press is the same act, and gets that answer.
func checkUnansweredAct(t *testing.T, p *tab, c *instancetest.Client) {
	p.mayFail = true
	before := generation(c)
	p.do(chromedp.Evaluate[chromedp.Void](`{
		const fetch = window.fetch;
		window.fetch = async (...request) => {
			if (!String(request[0].url ?? request[0]).includes('/reset')) return fetch(...request); // a question for the figures
			window.fetch = fetch;
			await fetch(...request);
			throw new TypeError('lost');
		};
	}`))
	p.click("reset-system-button-small")
	p.shows("reset-message", "No answer came")
	p.showsRevision(c)
	p.click("reset-system-button-small")
	p.shows("reset-message", "The sale was reset")
	if now := generation(c); now != before+1 {
		t.Errorf("an act that was sent again begins %d generations", now-before)
	}
}

// While one act is under way the others take no press, and the next one does.
func checkSecondAct(t *testing.T, p *tab, c *instancetest.Client) {
	before := generation(c)
	p.do(chromedp.Evaluate[chromedp.Void](`{
		const fetch = window.fetch;
		window.sent = 0;
		window.fetch = async (path, request) => {
			if (request?.method === 'POST') { window.sent++; await new Promise((answer) => { window.answer = answer; }); }
			return fetch(path, request);
		};
	}`))
	p.mouse("reset-system-button-small", 1)
	p.until("the act under way", `!!window.answer && document.querySelector(".controls").getAttribute("aria-busy") === "true"`)
	for _, name := range []string{"preset-large", "reset-system-button-small", "update-stock-button"} {
		p.mouse(name, 1)
	}
	p.answered(func() { p.do(chromedp.Evaluate[chromedp.Void](`window.answer()`)) })
	p.shows("reset-message", "The sale was reset")
	if sent := value[int](p, `window.sent`); sent != 1 || generation(c) != before+1 {
		t.Errorf("%d acts were sent, %d generations began", sent, generation(c)-before)
	}
	p.until("buttons at rest", `!document.querySelector(".controls").hasAttribute("aria-busy")`)
	p.do(chromedp.Evaluate[chromedp.Void](`window.answer = null`))
	p.mouse("preset-medium", 1)
	p.until("the next act", `!!window.answer`)
	p.do(chromedp.Evaluate[chromedp.Void](`window.answer()`))
	p.shows("reset-message", "Preset medium is set")
}

// Whoever sweeps orders away reads how many, with scripts and without.
func checkSweptOrders(t *testing.T, p *tab, _ *instancetest.Client) {
	shoppers := newAPIShoppers(t, p.base)
	p.preset("medium")
	shoppers.press(shoppers.shoppers(3))
	p.figures(97, 3, 100)
	p.click("reset-system-button-small")
	p.shows("reset-message", "3 orders were swept away")
	shoppers.press(shoppers.shoppers(1))
	p.figures(4, 1, 5)
	p.do(scripts(false))
	p.open("/?tab=users")
	p.click("preset-large")
	p.shows("reset-message", "1 order was swept away")
	p.do(scripts(true))
}

// The address and the tab keep the page of the list, the focus stays on the button, and the button where it is.
func checkPager(t *testing.T, p *tab, _ *instancetest.Client) {
	p.open("/?tab=users")
	p.until("the first page", `/\(Page 1 of \d+\)/.test(`+element("users-section")+`.textContent)`)
	place := `(() => { const { x, y } = document.getElementById("users-next").getBoundingClientRect(); return [x, y, scrollY].join(" "); })()`
	p.do(chromedp.ScrollIntoView("#users-next"))
	before := value[string](p, place)
	p.clickAt("#users-next")
	p.until("the second page", `/\(Page 2 of \d+\)/.test(`+element("users-section")+`.textContent)`)
	if after := value[string](p, place); after != before {
		t.Errorf("the button was at %s and is at %s", before, after)
	}
	p.until("its address", `location.search === "?tab=users&page=2"`)
	p.until("the focus on the button", `document.activeElement.id === "users-next"`)
	p.click("main-tab")
	p.click("users-tab")
	p.until("its address again", `location.search === "?tab=users&page=2"`)
	p.answered(func() { p.clickAt(`#users-refresh button`) })
	p.shows("users-section", "(Page 2 of ")
	p.do(chromedp.Reload())
	p.shows("users-section", "(Page 2 of ")
	p.clickAt("#users-previous")
	p.shows("users-section", "(Page 1 of ")
	p.until("the focus where it was", `document.activeElement.id === "users-previous"`)
}
