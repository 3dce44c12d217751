package api

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users/login/limits"
)

// bodies are the buffers into which purchase bodies are read. A buffer is given back before the checkout is asked.
type bodies struct{ pool sync.Pool }

func (b *bodies) take() *[request.MaxBody + 1]byte {
	if buf, ok := b.pool.Get().(*[request.MaxBody + 1]byte); ok {
		return buf
	}
	return new([request.MaxBody + 1]byte)
}

func (b *bodies) give(buf *[request.MaxBody + 1]byte) { b.pool.Put(buf) }

// Purchase answers a purchase request. This route carries most of a sale's traffic. The first of these that refuses decides
// the answer: the body, the principal, the checkout.
func (hs *Handlers) Purchase(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	named, err := hs.named(c.Request())
	if err != nil {
		return hs.refusePurchase(c, slug, "", err)
	}
	p, err := hs.purchaseRequest(c.Request(), slug, named)
	if err != nil {
		return hs.refusePurchase(c, slug, named, err)
	}
	return hs.buy(c, p)
}

// buy asks the checkout, unless MaxPurchases are under way already.
func (hs *Handlers) buy(c echo.Context, p sale.PurchaseRequest) error {
	if !hs.purchases.Acquire() {
		snap, err := hs.cfg.Catalog.Snapshot(p.Slug)
		if err != nil {
			return err
		}
		return hs.answer(c, p, &sale.Answer{Kind: sale.Overloaded, Sale: snap})
	}
	defer hs.purchases.Release()
	a := hs.cfg.Checkout.Buy(c.Request().Context(), p)
	hs.cfg.Drain.Announce(c.Response().Header()) // the drain may have begun while the request waited
	// gofail: var answerDue struct{}
	if a.Kind == sale.Unavailable && a.Sale.ID == 0 {
		// The checkout knows no such sale; the catalog says whether there is one.
		if _, err := hs.cfg.Catalog.Snapshot(p.Slug); err != nil {
			return err
		}
	}
	return hs.answer(c, p, &a)
}

// named is the shopper that the body names, or "" when it names nobody. The scanner reads the ordinary body, the strict
// decoder every other.
func (hs *Handlers) named(r *http.Request) (string, error) {
	buf := hs.bodies.take()
	defer hs.bodies.give(buf)
	body, err := request.ReadBody(r, buf[:])
	if err != nil {
		return "", err
	}
	if request.Header(r, "Content-Type") == "application/json" && len(r.Header["Content-Encoding"]) == 0 {
		if name, ok := scanName(body); ok {
			return string(name), nil
		}
	}
	v, err := request.DecodeBody(r.Header, body, hs.purchaseBody)
	if err != nil {
		return "", err
	}
	return strictName(v)
}

// purchaseRequest is what the checkout is asked.
func (hs *Handlers) purchaseRequest(r *http.Request, slug, named string) (sale.PurchaseRequest, error) {
	key, err := request.IdempotencyKey(r.Header)
	if err != nil {
		return sale.PurchaseRequest{}, err
	}
	who := hs.cfg.Principals.Find(r)
	name, shopper, err := who.Shopper(named, fieldUsername)
	if err != nil {
		return sale.PurchaseRequest{}, err
	}
	p := sale.PurchaseRequest{Slug: slug, Name: name, Shopper: shopper, IdempotencyKey: key, Async: request.PrefersAsync(r), Traceparent: traceparent(r)}
	if !hs.cfg.Principals.Demo {
		p.From = clientAddress(r)
	}
	return p, nil
}

// clientAddress is from where a press comes. Clients without an address, as on a socket of this machine, are one network.
func clientAddress(r *http.Request) netip.Addr {
	if at, ok := limits.ClientAddress(r.RemoteAddr); ok {
		return at
	}
	return netip.IPv6Unspecified()
}

// traceparent is the W3C trace context of the request, or "" when it has none that is well formed.
func traceparent(r *http.Request) string {
	v := request.Header(r, "Traceparent")
	if len(v) != 55 || v[:3] != "00-" || v[35] != '-' || v[52] != '-' || !hexadecimal(v[53:]) || !traceID(v[3:35]) || !traceID(v[36:52]) {
		return ""
	}
	return v
}

// traceID reports whether an id of a trace or span is one: hexadecimal and not all zeros.
func traceID(s string) bool { return hexadecimal(s) && strings.Trim(s, "0") != "" }

func hexadecimal(s string) bool {
	for i := range len(s) {
		if b := s[i]; (b < '0' || b > '9') && (b < 'a' || b > 'f') {
			return false
		}
	}
	return true
}

// refusePurchase is the problem of a purchase request that did not reach the checkout. It has the same fields as the
// checkout's refusals, as far as they are known.
func (hs *Handlers) refusePurchase(c echo.Context, slug, name string, err error) error {
	p := request.ProblemOf(err)
	var k *request.Kind
	if p.Status >= http.StatusInternalServerError || !errors.As(err, &k) {
		return err
	}
	hs.metrics.refuse(k)
	at := time.Now()
	if snap, err := hs.cfg.Catalog.Snapshot(slug); err == nil {
		at, p.Version = snap.Now, snap.Version
	}
	p.Timestamp, p.UserID = string(request.AppendInstant(nil, at)), request.Clip(name)
	hs.version.Set(c.Response().Header(), p.Version)
	return &request.ProblemError{Kind: k, Problem: p}
}
