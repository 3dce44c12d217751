package instance_test

import (
	"context"
	"net/http"
	"testing"

	"flashsale/app/instance"
)

// All streams are taken when the page is opened. It follows the sale by asking, sells, and gets a stream when there is room.
func TestBrowserPageWithoutAStreamAsksForTheFigures(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser := startBrowser(t)
	const places = 60
	base := instance.StartSmallProduct(t, places)
	c := newAPIShoppers(t, base)
	leave := takeStreams(t, base, places/2)
	p := openTab(t, browser, base)
	p.mayFail = true
	p.open("/")
	p.until("that it has no stream", `document.getElementById("live").hasAttribute("data-offline")`)
	p.preset("small")
	p.figures(5, 0, 5)
	names := c.shoppers(4)
	c.press(names[:1])
	p.figures(4, 1, 5)
	p.buy(names[1])
	p.shows("purchase-result", "Success")
	p.figures(3, 2, 5)
	c.press(names[2:3])
	p.figures(2, 3, 5)
	if !value[bool](p, `document.getElementById("live").hasAttribute("data-offline")`) {
		t.Error("the page has a stream, so this test shows nothing")
	}
	leave()
	p.until("that it has a stream", `!document.getElementById("live").hasAttribute("data-offline")`)
	c.press(names[3:])
	p.figures(1, 4, 5)
}

// takeStreams opens streams until leave is called.
func takeStreams(t *testing.T, base string, n int) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	for range n {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/flash-sale/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		if res.StatusCode != http.StatusOK {
			t.Fatalf("a stream is answered %s", res.Status)
		}
	}
	return cancel
}
