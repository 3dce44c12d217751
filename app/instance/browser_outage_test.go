package instance_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// outageProxy is a proxy before the product that can block every request, or only streams, or only questions for the status: a
// blocked request gets no answer.
type outageProxy struct {
	*httptest.Server
	blocked, streamsBlocked, statusBlocked atomic.Bool
	// streamFault answers streams in the place of the product.
	streamFault atomic.Pointer[http.HandlerFunc]
	// refused counts the streams that were blocked.
	refused atomic.Int64
}

func newOutageProxy(t *testing.T, base string) *outageProxy {
	t.Helper()
	product, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(product) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	d := &outageProxy{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream := r.URL.Path == "/live"
		if fault := d.streamFault.Load(); stream && fault != nil {
			(*fault)(w, r)
			return
		}
		if !d.blocked.Load() && !(stream && d.streamsBlocked.Load()) && !(r.URL.Path == "/status" && d.statusBlocked.Load()) {
			proxy.ServeHTTP(w, r)
			return
		}
		if stream {
			d.refused.Add(1)
		}
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(func() {
		d.CloseClientConnections()
		d.Close()
	})
	return d
}

// address is where a browser finds the proxy.
func (d *outageProxy) address() string { return strings.Replace(d.URL, "127.0.0.1", "localhost", 1) }

// block refuses new requests and breaks the open connections.
func (d *outageProxy) block() {
	d.blocked.Store(true)
	d.CloseClientConnections()
}

func checkThroughOutage(t *testing.T, p *tab, c *apiShoppers) {
	d := newOutageProxy(t, p.base)
	p.base, p.mayFail = d.address(), true
	p.open("/")
	p.preset("medium")
	p.figures(100, 0, 100)
	names := c.shoppers(3)

	// A stream that breaks comes back with the whole snapshot.
	d.block()
	p.until("that it is reconnecting", `document.getElementById("live").hasAttribute("data-offline")`)
	p.buy(names[0])
	p.until("that it waits", `document.getElementById("outcome").textContent.includes("Your press is safe")`)
	c.press(names[1:2])
	d.blocked.Store(false)
	p.until("that it is connected", `!document.getElementById("live").hasAttribute("data-offline")`)
	p.shows("purchase-result", "Success")
	p.figures(98, 2, 100)

	// So does one whose very first connection failed.
	refused := d.refused.Load()
	d.streamsBlocked.Store(true)
	p.open("/")
	p.until("that it is reconnecting", `document.getElementById("live").hasAttribute("data-offline")`)
	if d.refused.Load() == refused {
		t.Error("the stream was not blocked")
	}
	c.press(names[2:])
	d.streamsBlocked.Store(false)
	p.figures(97, 3, 100)
}
