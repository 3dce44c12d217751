package instance_test

import (
	"context"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
)

const (
	tabPassword   = "seven purple harbours 42"
	otherPassword = "eleven green lanterns 97"
)

// startShop is one instance outside demo mode.
func startShop(t *testing.T, change ...func(*config.Config)) *instance.Instance {
	t.Helper()
	d := instancetest.New(t)
	d.Config.Demo, d.Config.MaxStock = false, 10
	for _, c := range change {
		c(&d.Config)
	}
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
	return a
}

// evilSite serves pages of somebody else's, each with one form that a script sends as soon as the page is there.
func evilSite(t *testing.T, shop string) (sameSite, otherSite string) {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		kind, fields := "application/x-www-form-urlencoded", ""
		for name, values := range r.URL.Query() {
			if name == "enctype" {
				kind = values[0]
				continue
			}
			fields += `<input name="` + html.EscapeString(name) + `" value="` + html.EscapeString(values[0]) + `">`
		}
		_, _ = fmt.Fprintf(w, `<!doctype html><form method="post" enctype="%s" action="%s">%s</form><script>document.forms[0].submit()</script>`,
			html.EscapeString(kind), html.EscapeString(shop+r.URL.Path), fields)
	}))
	t.Cleanup(site.Close)
	_, port, err := net.SplitHostPort(site.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	// For a browser a site has no port, so cookies of the shop go with what the first one sends.
	return "http://127.0.0.1:" + port, "http://localhost:" + port
}

// A page of another origin cannot use the session of whoever looks at it.
func TestBrowserSessionIsNoUseToOtherSites(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	a := startShop(t)
	p := openTab(t, browser, a.URL())
	p.open("/sign-up?next=/account")
	p.do(chromedp.SendKeys("#username", "visitor_1"), chromedp.SendKeys("#password", tabPassword))
	p.clickAt(`main form button[type=submit]`)
	p.shows("account-username", "visitor_1")
	sameSite, otherSite := evilSite(t, a.URL())
	for _, evil := range []string{sameSite, otherSite} {
		for _, attack := range []string{
			"/sign-out", "/sign-out?enctype=text/plain",
			"/account/password?current=" + strings.ReplaceAll(tabPassword, " ", "+") + "&next=" + strings.ReplaceAll(otherPassword, " ", "+"),
			"/api/flash-sale/purchase?username=visitor_1", "/api/flash-sale/purchase?username=visitor_1&enctype=text/plain",
		} {
			p.do(chromedp.Navigate(evil + attack))
			path, _, _ := strings.Cut(attack, "?")
			p.until("the answer to a form of "+evil+attack, `location.href === `+quoted(a.URL()+path)+` && document.readyState === "complete"`)
			if said := value[string](p, `document.body.innerText`); !strings.Contains(said, "Another site tried to press a button here") {
				t.Errorf("%s%s is answered: %s", evil, attack, said)
			}
			p.open("/account")
			p.shows("account-username", "visitor_1")
		}
	}
	c := instancetest.NewClient(t, a.URL())
	if sold := c.Status().Number("sold"); sold != 0 {
		t.Errorf("%.0f were bought", sold)
	}
	c.Call(http.MethodPost, "/sign-in", map[string]string{"name": "visitor_1", "password": otherPassword}).Is(t, http.StatusUnauthorized, "wrong-sign-in")
	c.Call(http.MethodPost, "/sign-in", map[string]string{"name": "visitor_1", "password": tabPassword}).Is(t, http.StatusOK, "")

	// The shop's own pages do all of it.
	p.open("/")
	p.do(chromedp.WaitEnabled(hook("buy-now-button")))
	p.click("buy-now-button")
	p.shows("purchase-result", "Success")
	if sold := c.Status().Number("sold"); sold != 1 {
		t.Errorf("%.0f were bought", sold)
	}
	p.open("/account")
	p.click("sign-out")
	p.until("the sign-in link", `!!`+element("sign-in-link"))
}

func quoted(s string) string { return `"` + s + `"` }
