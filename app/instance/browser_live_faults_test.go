package instance_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"flashsale/app/instance/instancetest"
)

const (
	pageOffline = `document.getElementById("live").hasAttribute("data-offline")`
	pageLive    = `!` + pageOffline
	foreign     = "Please accept the terms of this network"
)

// streamFaults are the ways in which a page has no stream although it can reach the product otherwise.
func streamFaults(base string) map[string]http.HandlerFunc {
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if kind != "" {
				w.Header().Set("Content-Type", kind)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	return map[string]http.HandlerFunc{
		"is refused":                    answer(http.StatusServiceUnavailable, "text/plain", foreign),
		"is a page of somebody else":    answer(http.StatusOK, "text/html", "<h1>"+foreign+"</h1>"),
		"brings words of somebody else": answer(http.StatusOK, "text/event-stream", "data: <h1>"+foreign+"</h1>\n\n"),
		"has no contents":               answer(http.StatusNoContent, "", ""),
		"is empty":                      answer(http.StatusOK, "text/event-stream", ""),
		"leads elsewhere":               http.RedirectHandler("/health", http.StatusFound).ServeHTTP,
		"is held back":                  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"is half open":                  func(w http.ResponseWriter, r *http.Request) { halfOpen(r.Context(), w, base) },
	}
}

// halfOpen passes on the first event of the product's stream and nothing after it.
func halfOpen(ctx context.Context, w http.ResponseWriter, base string) {
	passEvents(ctx, w, base, func(string) bool {
		<-ctx.Done()
		panic(http.ErrAbortHandler)
	})
}

// passEvents passes on the first event of the product's stream and those after it that pass. The others become comments.
func passEvents(ctx context.Context, w http.ResponseWriter, base string, pass func(event string) bool) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/live", nil)
	if err != nil {
		panic(err)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = res.Body.Close() }()
	w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
	event, first := "", true
	for lines := bufio.NewReader(res.Body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if event += line; line != "\n" {
			continue
		}
		if !first && !pass(event) {
			event = ": \n\n"
		}
		_, _ = io.WriteString(w, event)
		_ = http.NewResponseController(w).Flush()
		event, first = "", false
	}
}

// Whatever happens to its stream, a page knows that it has none, opens and ends in time by asking, shows nothing of somebody else's,
// and is live again once the stream brings a frame.
func TestBrowserPageDoesNotDependOnItsStream(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser, base := startBrowser(t), startProduct(t)
	c := instancetest.NewClient(t, base)
	hour := func(n int) string { return time.Now().Add(time.Duration(n) * time.Hour).UTC().Format(time.RFC3339Nano) }
	soon := func() string { return time.Now().Add(6 * time.Second).UTC().Format(time.RFC3339Nano) }
	c.Amend(map[string]any{"startTime": hour(1), "endTime": hour(2), "stock": 5}).Is(t, http.StatusOK, "")

	pages := map[string]*tab{}
	var proxies []*outageProxy
	for name, fault := range streamFaults(base) {
		d := newOutageProxy(t, base)
		d.streamFault.Store(&fault)
		p := openTab(t, browser, d.address())
		p.mayFail = true
		p.open("/")
		p.do(chromedp.Evaluate[chromedp.Void](`window.late = []; window.due = {}; document.addEventListener("sale-changed", () => {
			const { status, until } = document.getElementById("sale").dataset;
			if (until) window.due[status] = Number(until);
			for (const [before, after] of [["upcoming", "active"], ["active", "ended"]]) {
				if (status === after && window.due[before]) window.late.push(after + " after " + (Date.now() - window.due[before]) + " ms");
				if (status === after) delete window.due[before];
			} })`))
		pages[name], proxies = p, append(proxies, d)
	}
	all := func(what, condition string) {
		t.Helper()
		for name, p := range pages {
			if !p.within(2*patience, condition) {
				t.Fatalf("the page whose stream %s never showed %s; it says:\n%s", name, what, value[string](p, `document.querySelector("main").innerText.slice(0, 600)`))
			}
			if strings.Contains(value[string](p, `document.body.innerText`), foreign) {
				t.Errorf("the page whose stream %s shows it", name)
			}
		}
	}
	says := func(text string) string {
		return element("status-text") + `?.textContent === "` + text + `" && ` + pageOffline
	}
	all("that it has no stream", says("Coming Soon"))
	c.Amend(map[string]any{"startTime": soon()}).Is(t, http.StatusOK, "")
	all("the open sale", says("Flash Sale Live!"))
	c.Amend(map[string]any{"endTime": soon()}).Is(t, http.StatusOK, "")
	all("the end", says("Sale Ended"))
	for name, p := range pages {
		t.Logf("%s: %s", name, value[string](p, `window.late.join(", ")`))
	}
	for _, d := range proxies {
		d.streamFault.Store(nil)
		d.CloseClientConnections() // ends the stream that is half open or held back
	}
	all("that it has a stream", pageLive)
	c.Amend(map[string]any{"endTime": hour(3), "stock": 7}).Is(t, http.StatusOK, "")
	all("what the stream brings", pageLive+` && `+element("total-stock")+`.textContent === "7" && `+element("status-text")+`.textContent === "Flash Sale Live!"`)
}
