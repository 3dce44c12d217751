package instance_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
)

// openStreams is what the product's own gauge says.
func openStreams(t *testing.T, a *instance.Instance) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.OpsAddr()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "flashsale_live_streams "); ok {
			return n
		}
	}
	t.Fatal("there is no gauge of open streams")
	return ""
}

func untilStreams(t *testing.T, a *instance.Instance, want string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got = openStreams(t, a); got == want {
			return
		}
	}
	t.Fatalf("%s streams are open, want %s", got, want)
}

// All tabs of a browser share one stream: over HTTP/1.1 a browser has six connections, and a press needs one. When the tab that
// reads it goes away, another one reads on.
func TestBrowserTabsShareOneStream(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser := startBrowser(t)
	d := instancetest.New(t)
	d.Config.OpsAddr = "127.0.0.1:0"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := instance.Start(ctx, d.Config, d.Log, instancetest.Writer{T: t}, instance.On(d.Servers))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*instance.StopPatience)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	c := instancetest.NewClient(t, a.URL())
	c.Amend(map[string]any{"stock": 5}).Is(t, http.StatusOK, "")
	names := newAPIShoppers(t, a.URL()).shoppers(3)
	tabs := make([]*tab, 8)
	for i := range tabs {
		tabs[i] = openTab(t, browser, a.URL())
		tabs[i].open("/")
		// Every tab counts as one that can be seen, as in windows beside each other.
		if value[bool](tabs[i], `document.hidden`) {
			t.Fatalf("tab %d is hidden", i)
		}
	}
	follow := func(tabs []*tab, left int) {
		t.Helper()
		for _, p := range tabs {
			p.figures(left, 5-left, 5)
			p.until("that it is live", pageLive)
		}
	}
	c.BuySettled(names[0])
	follow(tabs, 4)
	untilStreams(t, a, "1")
	// The last tab can press although there are eight.
	tabs[7].buy(names[1])
	tabs[7].shows("purchase-result", "Success")
	follow(tabs, 3)
	untilStreams(t, a, "1")

	// The first tab has the stream. It is hidden, then another one leaves, and the rest goes on.
	tabs[0].do(chromedp.Evaluate[chromedp.Void](`Object.defineProperty(document, "hidden", { value: true });
		document.dispatchEvent(new Event("visibilitychange"))`))
	tabs[1].open("/health")
	c.BuySettled(names[2])
	follow(tabs[2:], 2)
	untilStreams(t, a, "1")
	for _, p := range tabs[1:] {
		p.open("/health")
	}
	untilStreams(t, a, "0")
}

// A tab that is opened in the background has no stream until somebody looks at it.
func TestBrowserTabInTheBackgroundHasNoStream(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser, base := startBrowser(t), startProduct(t)
	d := newOutageProxy(t, base)
	d.streamsBlocked.Store(true) // so that each try is counted
	p := openTab(t, browser, d.address())
	p.mayFail = true
	p.open("/health")
	p.do(scriptAtStart(`Object.defineProperty(document, "hidden", { configurable: true, get: () => window.seen !== true })`))
	p.open("/")
	p.do(chromedp.Sleep(time.Second))
	if n := d.refused.Load(); n > 0 {
		t.Errorf("the hidden tab has asked for a stream %d times", n)
	}
	d.streamsBlocked.Store(false)
	p.do(chromedp.Evaluate[chromedp.Void](`window.seen = true; document.dispatchEvent(new Event("visibilitychange"))`))
	instancetest.NewClient(t, base).Amend(map[string]any{"stock": 9}).Is(t, http.StatusOK, "")
	p.until("that it has a stream", fmt.Sprintf(`%s && %s.textContent === "9"`, pageLive, element("total-stock")))
}
