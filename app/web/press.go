package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
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
	named, err := s.named(c.Request())
	if err != nil {
		return s.refusePress(c, slug, "", err)
	}
	press, err := s.press(c.Request(), slug, named)
	if err != nil {
		return s.refusePress(c, slug, named, err)
	}
	if !s.cfg.Demo {
		if done, err := s.overLimit(c, press); done {
			return err
		}
	}
	return s.buy(c, press)
}

// buy asks the checkout, unless too many are inside already.
func (s *Server) buy(c echo.Context, p sale.Press) error {
	if !s.gate.enter() {
		snap, err := s.cfg.Board.Snapshot(p.Slug)
		if err != nil {
			return err
		}
		return s.answer(c, p, &sale.Answer{Kind: sale.Overloaded, Sale: snap})
	}
	defer s.gate.leave()
	a := s.cfg.Checkout.Buy(c.Request().Context(), p)
	s.part(c.Response().Header()) // the stop may have begun while the press waited
	// gofail: var answerDue struct{}
	if a.Kind == sale.Unavailable && a.Sale.ID == 0 {
		// The checkout knows no such sale; the board says whether there is one.
		if _, err := s.cfg.Board.Snapshot(p.Slug); err != nil {
			return err
		}
	}
	return s.answer(c, p, &a)
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
	return sale.Press{Slug: slug, Name: name, IdempotencyKey: key, Async: prefersAsync(r), Traceparent: traceparent(r)}, nil
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

// receiptTime bounds the look-up for a press that is over its network's limit.
const receiptTime = time.Second

// overLimit applies the limit per network. Who owns a unit already gets the receipt whatever the limit says;
// everybody else who is over it is refused. done is false when the press may go on.
func (s *Server) overLimit(c echo.Context, p sale.Press) (done bool, err error) {
	wait, ok := s.limits.take(network(c.Request().RemoteAddr))
	if ok {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), receiptTime)
	defer cancel()
	if r, found, err := s.cfg.Checkout.Receipt(ctx, p.Slug, p.Name); err == nil && found {
		snap, err := s.cfg.Board.Snapshot(p.Slug)
		if err != nil {
			return true, err
		}
		return true, s.answer(c, p, &sale.Answer{Kind: sale.AlreadyBought, Receipt: r, Username: r.Username, Sale: snap})
	}
	seconds := ceilSeconds(wait)
	h := c.Response().Header()
	h.Set("RateLimit-Policy", `"purchase";q=`+itoa(int(s.limits.burst))+`;w=`+itoa(ceilSeconds(s.limits.window())))
	h.Set("RateLimit", `"purchase";r=0;t=`+itoa(seconds))
	return true, s.refusePress(c, p.Slug, p.Name, &waiting{kind: errTooMany, seconds: seconds})
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

// refusePress answers a press that did not get as far as the checkout. It carries what every refusal carries,
// as far as it is known.
func (s *Server) refusePress(c echo.Context, slug, name string, err error) error {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		return err
	}
	var k *kind
	if errors.As(err, &k) {
		s.metrics.refuse(k)
	}
	at := s.now()
	if snap, err := s.cfg.Board.Snapshot(slug); err == nil {
		at, p.Version = snap.Now, snap.Version
	}
	p.Timestamp, p.UserID = string(appendInstant(nil, at)), clip(name)
	s.versions.set(c.Response().Header(), p.Version)
	s.refuse(c, p)
	return nil
}
