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

// pressProxy is a proxy before the product. It does to a request for a purchase, or for what became of one, what a network can do.
type pressProxy struct {
	*httptest.Server
	// presses counts the purchase requests that came.
	presses atomic.Int64
	// fault is asked about the nth purchase request, from 1, and about every question for a claim, with 0.
	fault func(n int64) fault
	end   chan struct{}
}

type fault int

const (
	none      fault = iota
	swallowed       // never passed on, never answered
	unheard         // done, and the connection is cut instead of an answer
	refused         // answered 503 without being passed on
	portal          // answered by somebody else's page
)

// newPressProxy gives the address by which a browser reaches the product through the proxy.
func newPressProxy(t *testing.T, base string, of func(n int64) fault) (*pressProxy, string) {
	t.Helper()
	product, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	pass := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(product) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p := &pressProxy{fault: of, end: make(chan struct{})}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p.faultOf(r) {
		case none:
			pass.ServeHTTP(w, r)
		case swallowed:
			select {
			case <-p.end:
			case <-r.Context().Done():
			}
			panic(http.ErrAbortHandler)
		case unheard:
			pass.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case refused:
			w.WriteHeader(http.StatusServiceUnavailable)
		case portal:
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<!doctype html><p>Welcome to the network of this hotel"))
		}
	}))
	t.Cleanup(func() {
		close(p.end)
		p.CloseClientConnections()
		p.Close()
	})
	return p, strings.Replace(p.URL, "127.0.0.1", "localhost", 1)
}

func (p *pressProxy) faultOf(r *http.Request) fault {
	switch {
	case p.fault == nil:
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/purchase"):
		return p.fault(p.presses.Add(1))
	case strings.Contains(r.URL.Path, "/claims/"):
		return p.fault(0)
	}
	return none
}
