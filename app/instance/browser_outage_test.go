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

// door stands before the product and can be shut, for everything or for streams only: what is shut gets no answer, and
// what was open breaks.
type door struct {
	*httptest.Server
	shut, shutToStreams atomic.Bool
	// turned counts the streams that found it shut.
	turned atomic.Int64
}

func newDoor(t *testing.T, base string) *door {
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
	d := &door{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream := r.URL.Path == "/live"
		if !d.shut.Load() && !(stream && d.shutToStreams.Load()) {
			proxy.ServeHTTP(w, r)
			return
		}
		if stream {
			d.turned.Add(1)
		}
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(func() {
		d.CloseClientConnections()
		d.Close()
	})
	return d
}

func (d *door) close() {
	d.shut.Store(true)
	d.CloseClientConnections()
}

func keepThroughOutage(t *testing.T, p *tab, c *crowd) {
	d := newDoor(t, p.base)
	p.base, p.rough = strings.Replace(d.URL, "127.0.0.1", "localhost", 1), true
	p.open("/")
	p.preset("medium")
	p.figures(100, 0, 100)
	names := c.shoppers(3)

	// A stream that breaks comes back with the whole picture.
	d.close()
	p.until("that it is reconnecting", `document.getElementById("live").hasAttribute("data-offline")`)
	p.buy(names[0])
	p.shows("purchase-result", "did not answer")
	c.press(names[1:2])
	d.shut.Store(false)
	p.figures(99, 1, 100)
	p.until("that it is connected", `!document.getElementById("live").hasAttribute("data-offline")`)
	p.buy(names[0])
	p.shows("purchase-result", "Success")
	p.figures(98, 2, 100)

	// So does one whose very first connection failed.
	turned := d.turned.Load()
	d.shutToStreams.Store(true)
	p.open("/")
	p.until("that it is reconnecting", `document.getElementById("live").hasAttribute("data-offline")`)
	if d.turned.Load() == turned {
		t.Error("the stream was not turned away")
	}
	c.press(names[2:])
	d.shutToStreams.Store(false)
	p.figures(97, 3, 100)
}
