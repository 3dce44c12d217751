package instance_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"flashsale/app/instance/instancetest"
)

// countdownIsRight compares the countdown with the clock of this machine, which is also that of the servers here.
const countdownIsRight = `(() => {
	const shown = /(\d+):(\d+):(\d+)/.exec(document.getElementById("countdown").textContent);
	if (!shown) return false;
	const seconds = Number(shown[1]) * 3600 + Number(shown[2]) * 60 + Number(shown[3]);
	return Math.abs(seconds - (Number(document.getElementById("sale").dataset.until) - Date.now()) / 1000) < 3;
})()`

// The clock of a page stands still for half a minute, as while a laptop sleeps. The page is right again by the times that its stream
// brings, although the figures do not change, and by what it asks when there is no stream.
func TestBrowserCountdownIsRightAfterTheClockStoodStill(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser, base := startBrowser(t), startProduct(t)
	c := instancetest.NewClient(t, base)
	at := func(after time.Duration) string { return time.Now().Add(after).UTC().Format(time.RFC3339Nano) }
	c.Amend(map[string]any{"startTime": at(time.Hour), "endTime": at(2 * time.Hour)}).Is(t, http.StatusOK, "")
	onlyTimes := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		passEvents(r.Context(), w, base, func(event string) bool { return strings.HasPrefix(event, "event: time\n") })
	})
	stop := func(p *tab, state string) time.Time {
		p.do(scriptAtStart(`document.addEventListener("stream", () => { window.heard = (window.heard ?? 0) + 1 }, true)`))
		p.open("/")
		p.until("its state", `window.heard > 1 && `+state) // the first time is that of the page's own answer
		p.until("the time left", countdownIsRight)
		p.do(chromedp.Evaluate[chromedp.Void](`(() => { const real = performance.now.bind(performance); performance.now = () => real() - 30000 })()`))
		return time.Now()
	}
	t.Run("by its stream", func(t *testing.T) {
		d := newOutageProxy(t, base)
		d.statusBlocked.Store(true)
		d.streamFault.Store(&onlyTimes)
		p := openTab(t, browser, d.address())
		p.mayFail = true
		stopped := stop(p, pageLive)
		p.until("the wrong time", `!`+countdownIsRight)
		p.until("the right time", countdownIsRight)
		t.Logf("right after %v", time.Since(stopped).Round(time.Millisecond))
	})
	t.Run("by asking", func(t *testing.T) {
		d := newOutageProxy(t, base)
		d.streamsBlocked.Store(true)
		p := openTab(t, browser, d.address())
		p.mayFail = true
		stopped := stop(p, pageOffline)
		p.do(chromedp.Sleep(300 * time.Millisecond)) // the page draws the wrong time, unless it is right already
		p.until("the right time", countdownIsRight)
		t.Logf("right after %v", time.Since(stopped).Round(time.Millisecond))
	})
}

// At the end of the countdown a page asks, although its stream seems to be well: the frame may be held up.
func TestBrowserPageAsksWhenTheCountdownEnds(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser, base := startBrowser(t), startProduct(t)
	c := instancetest.NewClient(t, base)
	at := func(after time.Duration) string { return time.Now().Add(after).UTC().Format(time.RFC3339Nano) }
	c.Amend(map[string]any{"startTime": at(15 * time.Second), "endTime": at(time.Hour)}).Is(t, http.StatusOK, "")
	d := newOutageProxy(t, base)
	onlyTimes := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		passEvents(r.Context(), w, base, func(event string) bool { return strings.HasPrefix(event, "event: time\n") })
	})
	d.streamFault.Store(&onlyTimes)
	p := openTab(t, browser, d.address())
	p.open("/")
	p.shows("status-text", "Coming Soon")
	p.until("the open sale", element("status-text")+`.textContent === "Flash Sale Live!" && `+pageLive)
	p.name("john_doe_1")
	p.do(chromedp.WaitEnabled(hook("buy-now-button")))
}

// The figures are asked for at once when a page comes back: from the browser's cache of pages, and when it is looked at again.
func TestBrowserPageThatComesBackIsRefreshed(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser, base := startBrowser(t), startProduct(t)
	d := newOutageProxy(t, base)
	p, c := openTab(t, browser, d.address()), instancetest.NewClient(t, base)
	c.Amend(map[string]any{"stock": 5}).Is(t, http.StatusOK, "")
	p.open("/")
	p.until("that it has a stream", pageLive+` && `+element("total-stock")+`.textContent === "5"`)

	// The browser goes elsewhere and back.
	p.open("/health")
	c.Amend(map[string]any{"stock": 6}).Is(t, http.StatusOK, "")
	p.do(chromedp.Evaluate[chromedp.Void](`history.back()`))
	p.figures(6, 0, 6)

	// The page is put away: its stream ends. What it shows when it is taken out again is not from a stream.
	hidden := `window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }))`
	shown := `window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`
	p.do(chromedp.Evaluate[chromedp.Void](hidden))
	d.streamsBlocked.Store(true)
	c.Amend(map[string]any{"stock": 7}).Is(t, http.StatusOK, "")
	p.do(chromedp.Sleep(time.Second)) // a frame would come within that time
	if got := value[string](p, element("total-stock")+`.textContent`); got != "6" {
		t.Errorf("a page that was put away shows %s units", got)
	}
	p.do(chromedp.Evaluate[chromedp.Void](shown))
	p.figures(7, 0, 7)
	p.until("that it has no stream", pageOffline)
	d.streamsBlocked.Store(false)
	p.until("that it has a stream", pageLive)
}
