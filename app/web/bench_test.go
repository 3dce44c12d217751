package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/live"
	"flashsale/sale"
)

// discard is a response writer that costs next to nothing, so that the middleware and the handler are what is measured.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func (d *discard) SetWriteDeadline(time.Time) error { return nil }

// lockFreeCatalog answers without the fakes' lock, as the real catalog does.
type lockFreeCatalog struct {
	*fakeCatalog
	snap sale.Snapshot
}

func (b *lockFreeCatalog) Snapshot(string) (sale.Snapshot, error) { return b.snap, nil }

// soldOutCheckout answers every purchase request with sold out, and remembers nothing.
type soldOutCheckout struct {
	*fakeCheckout
	snap sale.Snapshot
}

func (c *soldOutCheckout) Buy(_ context.Context, p sale.PurchaseRequest) sale.Answer {
	return sale.Answer{Kind: sale.Refused, Reason: sale.ReasonSoldOut, Username: p.Name, Sale: c.snap}
}

func benchServer(b *testing.B, change ...func(*Config)) *Server {
	b.Helper()
	w := newWorld(b)
	snap := activeSale()
	snap.Taken = snap.Total
	cfg := Config{
		Catalog: &lockFreeCatalog{w.catalog, snap}, Checkout: &soldOutCheckout{w.checkout, snap}, Orders: w.orders, Users: w.users, Operations: w.ops, Desk: w.desk, Prover: w.ops,
		Hub: live.New(1), Demo: true, CORSOrigins: []string{"http://localhost:3000"}, Registerer: prometheus.NewRegistry(),
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	return New(cfg)
}

// drive sends the same request again and again through the handler, with a cookie when there is one.
func drive(b *testing.B, h http.Handler, method, target, body string, cookie ...string) {
	b.Helper()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := httptest.NewRequest(method, target, nil)
		r.Host = "localhost:3001"
		r.Header.Set("Content-Type", "application/json")
		if len(cookie) > 0 {
			r.Header["Cookie"], r.RemoteAddr = cookie, "127.0.0.1:4321"
		}
		rd := strings.NewReader(body)
		d := &discard{h: http.Header{}}
		for pb.Next() {
			rd.Reset(body)
			r.Body, r.ContentLength = io.NopCloser(rd), int64(len(body))
			clear(d.h)
			h.ServeHTTP(d, r)
		}
	})
}

const pressBody = `{"username":"john_doe_1"}`

func BenchmarkNoop(b *testing.B) {
	e := echo.New()
	e.POST(buy, func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	drive(b, e, "POST", buy, pressBody)
}

func BenchmarkSoldOut(b *testing.B) {
	drive(b, benchServer(b).Handler(), "POST", buy, pressBody)
}

// BenchmarkSoldOutSignedIn is BenchmarkSoldOut outside demo mode. What the check of a credential costs is measured in users/login.
func BenchmarkSoldOutSignedIn(b *testing.B) {
	drive(b, benchServer(b, accountsMode).Handler(), "POST", buy, `{}`, "session=alice")
}

func BenchmarkSoldOutStrictBody(b *testing.B) {
	drive(b, benchServer(b).Handler(), "POST", buy, `{"username":"john_doe_1","x":1}`)
}

func BenchmarkStatus(b *testing.B) {
	drive(b, benchServer(b).Handler(), "GET", "/api/flash-sale/status", "")
}

// BenchmarkPage is the first page, compressed, as a browser asks for it.
func BenchmarkPage(b *testing.B) { drivePage(b, "") }

// BenchmarkPageSignedIn has the visitor's name in it.
func BenchmarkPageSignedIn(b *testing.B) { drivePage(b, "alice") }

func drivePage(b *testing.B, name string) {
	b.Helper()
	h := benchServer(b, accountsMode).Handler()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.RemoteAddr = "localhost:3001", "127.0.0.1:4321"
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Accept-Encoding", "gzip")
		r.Header.Set("Accept-Language", "en-GB,en;q=0.9")
		if name != "" {
			r.Header["Cookie"] = []string{"session=" + name}
		}
		d := &discard{h: http.Header{}}
		for pb.Next() {
			clear(d.h)
			h.ServeHTTP(d, r)
		}
	})
}
