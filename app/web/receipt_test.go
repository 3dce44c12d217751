package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/sale"
)

// receiptAddress is that of alice's receipt.
func receiptAddress() string {
	return "/receipts/" + sale.ReceiptSecret([]byte(receiptKey), receipt("alice").OrderID)
}

// secretly checks what every answer at a secret address says to browsers and search engines.
func (r reply) secretly(t *testing.T) {
	t.Helper()
	for field, want := range map[string]string{"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"} {
		if got := r.Header.Get(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
}

func TestAReceiptIsAPage(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]func(*Config){"demo": func(*Config) {}, "accounts, by nobody": accountsMode} {
		w := newWorld(t, mode, func(c *Config) { c.SignIn.PublicURL = "https://shop.example" })
		r := w.browse(t, receiptAddress())
		r.shows(t, 200, "Your receipt", "<bdi>Lamp</bdi>", "$298.95", `src="/static/a.svg"`, "HWA-E8Q-YEX", "8f14e45f-ceea-867a-9a36-dedd4bea2543",
			"<bdi>alice</bdi>", "What happens next", `<time datetime="2026-01-01T11:59:00.000Z" data-local>1 January 2026, 11:59:00 UTC</time>`,
			"<svg", `data-tone="good"`, "Success", "already purchased", "https://shop.example"+receiptAddress(), `href="`+receiptAddress()+`/calendar.ics"`, "<title>Receipt HWA-E8Q-YEX")
		r.lacks(t, "cancelled", "style=", "javascript:", "https://shop.example/static")
		r.secretly(t)
		if got := r.Header.Get("Cache-Control"); got != "private, no-cache" {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
		if w.orders.asked != 1 || w.checkout.asks() != 0 {
			t.Errorf("%s: the page asks %d times for the order", name, w.orders.asked)
		}
	}
}

func TestAReceiptIsADocumentToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.send(t, "GET", receiptAddress(), "", "Accept: application/json")
	r.secretly(t)
	r.has(t, map[string]any{"success": true, "purchaseId": "8f14e45f-ceea-867a-9a36-dedd4bea2543", "orderNumber": "HWA-E8Q-YEX", "userId": "alice", "unit": 3,
		"timestamp": "2026-01-01T11:59:00.000Z", "product": "Lamp", "price": "298.95", "price_minor": 29895, "currency_code": "USD", "cancelledAt": nil})
	r.lacks(t, strings.TrimPrefix(receiptAddress(), "/receipts/"))
}

func TestACancelledOrdersReceiptSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.orders.order.CancelledAt = noon
	r := w.browse(t, receiptAddress())
	r.shows(t, 200, "This order was cancelled", "1 January 2026, 12:00:00 UTC", "HWA-E8Q-YEX")
	r.lacks(t, "What happens next", "Your receipt", "Success")
	w.send(t, "GET", receiptAddress(), "", "Accept: application/json").has(t, map[string]any{"success": false, "cancelledAt": "2026-01-01T12:00:00.000Z"})
	if r := w.send(t, "GET", receiptAddress()+"/calendar.ics", ""); !strings.Contains(r.raw, "\r\nSTATUS:CANCELLED\r\n") {
		t.Error(r.raw)
	}
}

// A secret that nobody was given is answered like any address at which there is nothing, and costs no query.
func TestAForgedReceiptIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nowhere := w.browse(t, "/nowhere")
	id := receipt("alice").OrderID
	right := sale.ReceiptSecret([]byte(receiptKey), id)
	for name, secret := range map[string]string{
		"a word": "none", "the order": id.String(), "another key": sale.ReceiptSecret([]byte("another"), id), "another case": strings.ToUpper(right),
		"more": right + "A", "escaped": right + "%00", "two": right + "." + right,
	} {
		for _, end := range []string{"", "/calendar.ics"} {
			r := w.browse(t, "/receipts/"+secret+end)
			r.secretly(t)
			if r.StatusCode != http.StatusNotFound || r.raw != nowhere.raw {
				t.Errorf("%s%s: %d %s", name, end, r.StatusCode, r.raw)
			}
		}
	}
	if w.orders.asked != 0 {
		t.Errorf("forged secrets cost %d queries", w.orders.asked)
	}
	// The ledger was restored from a backup that is older than the order.
	lost := "/receipts/" + sale.ReceiptSecret([]byte(receiptKey), uuid.New())
	if r := w.browse(t, lost); r.StatusCode != http.StatusNotFound || r.raw != nowhere.raw {
		t.Errorf("an order that is lost: %d %s", r.StatusCode, r.raw)
	}
}

func TestAReceiptThatCannotBeShownSaysWhy(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		name   string
		world  func(*world)
		status int
		kind   string
		says   string
	}{
		{"erased", func(w *world) { w.orders.err = sale.ErrErased }, 410, "receipt-erased", "erased"},
		{"Postgres is away", func(w *world) { w.orders.err = context.DeadlineExceeded }, 503, "receipt-unavailable", "Your receipt is safe"},
		{"nothing was read yet", func(w *world) { w.catalog.unready = true }, 503, "receipt-unavailable", "Your receipt is safe"},
		{"a fault", func(w *world) { w.orders.err = errors.New("a bug") }, 500, "internal", "our side"},
	} {
		w := newWorld(t)
		one.world(w)
		r := w.browse(t, receiptAddress())
		r.shows(t, one.status, one.says)
		r.lacks(t, "alice", "HWA-E8Q-YEX", receiptAddress())
		r.secretly(t)
		if got := r.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", one.name, got)
		}
		w.send(t, "GET", receiptAddress(), "").problem(t, one.status, one.kind)
		w.send(t, "GET", receiptAddress()+"/calendar.ics", "").problem(t, one.status, one.kind)
	}
}

// What is logged and counted names the route and never the address, whatever becomes of the request.
func TestTheSecretOfAReceiptIsInNoLogAndNoMetric(t *testing.T) {
	t.Parallel()
	metrics := prometheus.NewRegistry()
	w := newWorld(t, func(c *Config) { c.Registerer, c.Gatherer = metrics, metrics })
	secret := strings.TrimPrefix(receiptAddress(), "/receipts/")
	for _, err := range []error{nil, errors.New("a bug"), context.DeadlineExceeded, sale.ErrErased} {
		w.orders.err = err
		for _, target := range []string{receiptAddress(), receiptAddress() + "/calendar.ics", receiptAddress() + "/more", receiptAddress() + "?next=" + receiptAddress()} {
			for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
				w.send(t, method, target, "", browserAccept, "X-Forwarded-For: 192.0.2.9", "Forwarded: for=192.0.2.9")
				w.send(t, method, target, "", "Host: localhost:3001")
			}
		}
	}
	logged := w.logged.String()
	if !strings.Contains(logged, `"route":"/receipts/:secret"`) || !strings.Contains(logged, "a bug") {
		t.Fatalf("the requests are not logged: %s", logged)
	}
	gathered, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := fmt.Sprint(gathered)
	if !strings.Contains(counted, "/receipts/:secret") {
		t.Fatalf("the requests are not counted: %s", counted)
	}
	for where, text := range map[string]string{"log": logged, "metrics": counted} {
		if strings.Contains(text, secret) {
			t.Errorf("the %s has the secret: %s", where, text)
		}
	}
}

func TestACalendarEntryOfAReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.send(t, "GET", receiptAddress()+"/calendar.ics", "", browserAccept)
	r.secretly(t)
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/calendar; charset=utf-8" || r.Header.Get("Content-Disposition") != `attachment; filename="receipt-HWA-E8Q-YEX.ics"` {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	unfolded := strings.ReplaceAll(r.raw, "\r\n ", "")
	for _, line := range []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:8f14e45f-ceea-867a-9a36-dedd4bea2543@receipts.flashsale.invalid",
		"DTSTAMP:20260101T115900Z", "DTSTART:20260101T115900Z", `SUMMARY:Lamp\, order HWA-E8Q-YEX`, "STATUS:CONFIRMED",
		`DESCRIPTION:Order number: HWA-E8Q-YEX\nUnit: 3\nPrice: $298.95\nReceipt: http://localhost:3001` + receiptAddress(),
		"URL:http://localhost:3001" + receiptAddress(), "END:VEVENT", "END:VCALENDAR",
	} {
		if !strings.Contains(unfolded, line+"\r\n") {
			t.Errorf("no line %q in %s", line, unfolded)
		}
	}
}
