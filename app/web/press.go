package web

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/sale"
)

// bodies are the buffers purchase bodies are read into; a body is done with before the checkout is asked.
type bodies struct{ pool sync.Pool }

func (b *bodies) take() *[maxBody + 1]byte {
	if buf, ok := b.pool.Get().(*[maxBody + 1]byte); ok {
		return buf
	}
	return new([maxBody + 1]byte)
}

func (b *bodies) give(buf *[maxBody + 1]byte) { b.pool.Put(buf) }

// purchase is a press of the buy button, the route that carries a sale's traffic. In order: a bad body, who is
// asking, the limit of the network, and then the checkout, whose word is final.
func (s *Server) purchase(c echo.Context) error {
	slug, err := slug(c)
	if err != nil {
		return err
	}
	snap, err := s.cfg.Board.Snapshot(slug)
	if err != nil {
		return err
	}
	named, err := s.named(c.Request())
	if err != nil {
		return s.refusePress(c, &snap, "", err)
	}
	press, err := s.press(c.Request(), slug, named)
	if err != nil {
		return s.refusePress(c, &snap, named, err)
	}
	if a, held, err := s.overLimit(c, press, &snap); err != nil {
		return s.refusePress(c, &snap, press.Name, err)
	} else if held {
		return s.answer(c, slug, press.Name, &a)
	}
	if !s.gate.enter() {
		a := sale.Answer{Kind: sale.Overloaded, Username: press.Name, Sale: snap, RetryAfter: time.Second}
		return s.answer(c, slug, press.Name, &a)
	}
	defer s.gate.leave()
	a := s.cfg.Checkout.Buy(c.Request().Context(), press)
	return s.answer(c, slug, press.Name, &a)
}

// named is the shopper the body names, or "" for nobody: by the scanner for the ordinary body, by the strict
// decoder for everything else.
func (s *Server) named(r *http.Request) (string, error) {
	buf := s.bodies.take()
	defer s.bodies.give(buf)
	body, err := readBody(r, buf[:])
	if err != nil {
		return "", err
	}
	if header(r, "Content-Type") == "application/json" && len(r.Header["Content-Encoding"]) == 0 {
		if name, ok := scanName(body); ok {
			return string(name), nil
		}
	}
	v, err := decodeBody(r.Header, body, s.purchaseBody)
	if err != nil {
		return "", err
	}
	return strictName(v)
}

// press puts together what the checkout is asked.
func (s *Server) press(r *http.Request, slug, named string) (sale.Press, error) {
	key, err := idempotencyKey(r)
	if err != nil {
		return sale.Press{}, err
	}
	name, err := s.who(r).shopper(named, fieldUsername)
	if err != nil {
		return sale.Press{}, err
	}
	return sale.Press{Slug: slug, Name: name, Key: key, Async: prefersAsync(r), Traceparent: traceparent(r)}, nil
}

const maxKey = 255

// idempotencyKey is the Idempotency-Key field, or "" when there is none.
func idempotencyKey(r *http.Request) (string, error) {
	all := r.Header["Idempotency-Key"]
	if len(all) == 0 {
		return "", nil
	}
	if len(all) == 1 && all[0] != "" && len(all[0]) <= maxKey && printable(all[0]) {
		return all[0], nil
	}
	return "", badField("Idempotency-Key", "must be given once, with 1 to 255 printable ASCII characters")
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// traceparent is the W3C trace context of the request, or "" when it has none that is well formed.
func traceparent(r *http.Request) string {
	v := header(r, "Traceparent")
	if len(v) != 55 || v[:3] != "00-" || v[35] != '-' || v[52] != '-' || !hexadecimal(v[3:35]+v[36:52]+v[53:]) {
		return ""
	}
	return v
}

func hexadecimal(s string) bool {
	for i := range len(s) {
		if b := s[i]; (b < '0' || b > '9') && (b < 'a' || b > 'f') {
			return false
		}
	}
	return true
}

// receiptTime bounds the look-up for a press that is over its network's limit.
const receiptTime = time.Second

// overLimit applies the limit per network outside demo mode. Who owns a unit already gets the receipt whatever
// the limit says (held); for everybody else the error is the refusal.
func (s *Server) overLimit(c echo.Context, p sale.Press, snap *sale.Snapshot) (a sale.Answer, held bool, err error) {
	if s.cfg.Demo {
		return sale.Answer{}, false, nil
	}
	wait, ok := s.limits.take(network(c.Request().RemoteAddr))
	if ok {
		return sale.Answer{}, false, nil
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), receiptTime)
	defer cancel()
	r, found, err := s.cfg.Checkout.Receipt(ctx, p.Slug, p.Name)
	if err == nil && found {
		return sale.Answer{Kind: sale.AlreadyBought, Receipt: r, Username: r.Username, Sale: *snap}, true, nil
	}
	seconds := ceilSeconds(wait)
	h := c.Response().Header()
	h.Set("RateLimit-Policy", `"purchase";q=`+itoa(int(s.limits.burst))+`;w=`+itoa(ceilSeconds(s.limits.window())))
	h.Set("RateLimit", `"purchase";r=0;t=`+itoa(seconds))
	return sale.Answer{}, false, &waiting{kind: errTooMany, seconds: seconds}
}

// waiting is a problem that says when to come back.
type waiting struct {
	kind    *kind
	seconds int
}

func (e *waiting) Error() string { return e.kind.message }
func (e *waiting) Unwrap() error { return e.kind }

func ceilSeconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}

// refusePress answers a press that did not get as far as the checkout.
func (s *Server) refusePress(c echo.Context, snap *sale.Snapshot, name string, err error) error {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		return err
	}
	var k *kind
	if errors.As(err, &k) {
		s.metrics.purchases.WithLabelValues(k.name).Inc()
	}
	p.Timestamp, p.UserID, p.Version = string(appendInstant(nil, snap.Now)), clip(name), snap.Version
	setVersion(c.Response().Header(), snap.Version)
	s.refuse(c, p)
	return nil
}
