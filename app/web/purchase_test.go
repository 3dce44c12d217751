package web

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/sale"
)

const (
	buy    = "/api/flash-sale/purchase"
	orderA = "8f14e45f-ceea-867a-9a36-dedd4bea2543"
	at12   = "2026-01-01T12:00:00.000Z"
	at1159 = "2026-01-01T11:59:00.000Z"
)

func TestAnswersOfAPurchase(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("11111111-2222-8333-8444-555555555555")
	refused := func(reason sale.Reason) sale.Answer { return sale.Answer{Kind: sale.Refused, Reason: reason} }
	for name, c := range map[string]struct {
		answer  sale.Answer
		status  int
		problem string
		fields  map[string]any
		header  map[string]string
	}{
		"bought": {
			answer: sale.Answer{Kind: sale.Bought, Receipt: receipt("alice")}, status: 201,
			fields: map[string]any{"success": true, "message": "Purchase successful!", "purchaseId": orderA, "userId": "alice",
				"timestamp": at1159, "unit": 3, "version": 57},
		},
		"bought before": {
			answer: sale.Answer{Kind: sale.AlreadyBought, Receipt: receipt("alice")}, status: 200,
			fields: map[string]any{"success": false, "message": "User has already purchased this item", "purchaseId": orderA,
				"userId": "alice", "timestamp": at1159, "unit": 3, "version": 57},
		},
		"bought before with this key": {
			answer: sale.Answer{Kind: sale.AlreadyBought, Receipt: receipt("alice"), SameKey: true}, status: 200,
			fields: map[string]any{"success": true, "purchaseId": orderA},
		},
		"pending": {
			answer: sale.Answer{Kind: sale.Pending, ClaimID: id, Position: &events.Position{Partition: 2, Offset: 41}}, status: 202,
			fields: map[string]any{"success": false, "pending": true, "claimId": id.String(), "userId": "alice", "timestamp": at12, "version": 57},
			header: map[string]string{"Location": "/api/flash-sale/claims/" + id.String() + "?at=2.41", "Retry-After": "1"},
		},
		"not started":        {answer: refused("not-started"), status: 409, problem: "not-started"},
		"ended":              {answer: refused("ended"), status: 409, problem: "ended"},
		"paused":             {answer: refused("paused"), status: 409, problem: "paused"},
		"sold out":           {answer: refused("sold-out"), status: 409, problem: "sold-out", header: map[string]string{"Retry-After": ""}},
		"all claimed":        {answer: refused("all-claimed"), status: 409, problem: "all-claimed", header: map[string]string{"Retry-After": "1"}},
		"generation changed": {answer: refused("generation-changed"), status: 409, problem: "generation-changed"},
		"undecidable":        {answer: refused("undecidable"), status: 409, problem: "undecidable"},
		"not authorized": {
			answer: sale.Answer{Kind: sale.NotAuthorized}, status: 403, problem: "not-authorized",
			fields: map[string]any{"message": "User is not authorized to make purchases"},
		},
		"unknown": {
			answer: sale.Answer{Kind: sale.UnknownShopper}, status: 404, problem: "user-not-found",
			fields: map[string]any{"message": "User not found"},
		},
		"unavailable": {
			answer: sale.Answer{Kind: sale.Unavailable, RetryAfter: 1500 * time.Millisecond}, status: 503, problem: "not-bought-retry",
			fields: map[string]any{"message": "Not bought, safe to retry", "retryAfter": 2}, header: map[string]string{"Retry-After": "2"},
		},
		"overloaded": {
			answer: sale.Answer{Kind: sale.Overloaded}, status: 503, problem: "overloaded", header: map[string]string{"Retry-After": "1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.answer.Sale = activeSale()
			w.checkout.buy = func(sale.PurchaseRequest) sale.Answer { return c.answer }
			res := w.send(t, "POST", buy, `{"username":"alice"}`)
			if c.problem != "" {
				res.problem(t, c.status, c.problem)
				res.has(t, map[string]any{"timestamp": at12, "userId": "alice", "version": 57})
			}
			if res.StatusCode != c.status {
				t.Errorf("status %d, want %d", res.StatusCode, c.status)
			}
			res.has(t, c.fields)
			sameWithLegacyStatus(t, c.answer, res)
			for field, want := range c.header {
				if got := res.Header.Get(field); got != want {
					t.Errorf("%s: %q, want %q", field, got, want)
				}
			}
			if v := res.Header.Get("Sale-Version"); v != "57" {
				t.Errorf("Sale-Version %q", v)
			}
		})
	}
}

// sameWithLegacyStatus compares an answer with the one that LEGACY_STATUS makes of it. Outcomes that the original answered
// 201 are 201; all else in the document and in the header is the same. Metrics and pages do not change.
func sameWithLegacyStatus(t *testing.T, a sale.Answer, res reply) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	w := newWorld(t, func(c *Config) { c.LegacyStatus, c.Registerer = true, reg })
	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer { return a }
	legacy := w.send(t, "POST", buy, `{"username":"alice"}`)
	status, contentType := res.StatusCode, res.Header.Get("Content-Type")
	switch status {
	case http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusConflict:
		status, contentType = http.StatusCreated, "application/json; charset=utf-8"
	}
	if legacy.StatusCode != status || legacy.Header.Get("Content-Type") != contentType {
		t.Errorf("with legacy status it is %d %s, want %d %s", legacy.StatusCode, legacy.Header.Get("Content-Type"), status, contentType)
	}
	if said := legacy.json["status"]; said != nil {
		if said != float64(status) {
			t.Errorf("with legacy status the document says %v", said)
		}
		res.json["status"] = said
	}
	if !maps.Equal(legacy.json, res.json) {
		t.Errorf("with legacy status the document is %s, want %s", legacy.raw, res.raw)
	}
	for _, field := range []string{"Location", "Retry-After", "Sale-Version"} {
		if got, want := legacy.Header.Get(field), res.Header.Get(field); got != want {
			t.Errorf("with legacy status %s is %q, want %q", field, got, want)
		}
	}
	if bought, want := purchases(t, reg, "bought"), float64(0); a.Kind == sale.Bought && bought != 1 || a.Kind != sale.Bought && bought != want {
		t.Errorf("%v purchases are counted as bought", bought)
	}
	plain := newWorld(t)
	plain.checkout.buy = w.checkout.buy
	if page, same := w.send(t, "POST", buy, `{"username":"alice"}`, "HX-Request: true"), plain.send(t, "POST", buy, `{"username":"alice"}`, "HX-Request: true"); page.StatusCode != same.StatusCode {
		t.Errorf("with legacy status the page is %d, want %d", page.StatusCode, same.StatusCode)
	}
}

// purchases is how many purchase requests are counted under an outcome.
func purchases(t *testing.T, reg prometheus.Gatherer, outcome string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "flashsale_purchases_total" && m.GetLabel()[0].GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// What never reached the sale keeps its status with LEGACY_STATUS.
func TestLegacyStatusKeepsRefusalsOfTheRequest(t *testing.T) {
	t.Parallel()
	legacy := func(c *Config) { c.LegacyStatus = true }
	w := newWorld(t, legacy)
	w.send(t, "POST", buy, `{"username":1}`).problem(t, 422, "invalid-request")
	w.send(t, "POST", buy, strings.Repeat(" ", request.MaxBody+1)).problem(t, 413, "too-large")
	w.send(t, "POST", buy, `x`, "Content-Type: text/plain").problem(t, 415, "media-type")
	w.send(t, "GET", buy, "").problem(t, 405, "method-not-allowed")
	w.catalog.snaps = nil
	w.checkout.buy = func(p sale.PurchaseRequest) sale.Answer { return sale.Answer{Kind: sale.Unavailable, Username: p.Name} }
	w.send(t, "POST", buy, `{"username":"alice"}`).problem(t, 404, "no-sale")
	w = newWorld(t, accountsMode, legacy, pressOnce)
	w.send(t, "POST", buy, `{"username":"alice"}`).problem(t, 401, "sign-in")
	w.send(t, "POST", buy, `{"username":"bob"}`, "Test-Session: alice").problem(t, 403, "not-you")
	w.send(t, "POST", buy, `{"username":"alice"}`, "Test-Session: alice") // the one press that is taken
	w.send(t, "POST", buy, `{"username":"alice"}`, "Test-Session: alice").problem(t, 429, "too-many-requests")
	w.checkout.receipts["alice"] = receipt("alice")
	if r := w.send(t, "POST", buy, `{"username":"alice"}`, "Test-Session: alice"); r.StatusCode != http.StatusCreated || r.json["success"] != false {
		t.Errorf("over the limit a repeat is answered %d %s", r.StatusCode, r.raw)
	}
}

func TestPurchaseOfANamedSale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := uuid.MustParse("11111111-2222-8333-8444-555555555555")
	w.checkout.buy = func(p sale.PurchaseRequest) sale.Answer {
		return sale.Answer{Kind: sale.Pending, ClaimID: id, Position: &events.Position{Partition: 1, Offset: 2}, Sale: activeSale()}
	}
	res := w.send(t, "POST", "/api/sales/first/purchase", `{"username":"alice"}`)
	if got, want := res.Header.Get("Location"), "/api/sales/first/claims/"+id.String()+"?at=1.2"; got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	if w.checkout.requests[0].Slug != "first" {
		t.Errorf("the checkout was asked %+v", w.checkout.requests[0])
	}
	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer { return sale.Answer{Kind: sale.Unavailable} }
	w.send(t, "POST", "/api/sales/other/purchase", `{"username":"alice"}`).problem(t, 404, "no-sale")
	w.send(t, "POST", "/api/sales/first/purchase", `{"username":"alice"}`).problem(t, 503, "not-bought-retry")
}

func TestWhatAPurchaseRequestCarries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	trace := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	w.send(t, "POST", buy, `{"username":"alice"}`, "Idempotency-Key: k 1", "Prefer: handling=lenient, respond-async", "Traceparent: "+trace)
	want := sale.PurchaseRequest{Name: "alice", IdempotencyKey: "k 1", Async: true, Traceparent: trace}
	if got := w.checkout.requests[0]; got != want {
		t.Errorf("the checkout was asked %+v, want %+v", got, want)
	}
	w.send(t, "POST", buy, `{"username":"alice"}`, "Traceparent: 00-XX")
	if got := w.checkout.requests[1]; got != (sale.PurchaseRequest{Name: "alice"}) {
		t.Errorf("the checkout was asked %+v", got)
	}
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, key := range []string{strings.Repeat("k", 256), "a\tb", "ä"} {
		res := w.send(t, "POST", buy, `{"username":"alice"}`, "Idempotency-Key: "+key)
		res.problem(t, 422, "invalid-request")
		if firstField(res) != "Idempotency-Key" {
			t.Errorf("names %q", firstField(res))
		}
	}
	if res := w.send(t, "POST", buy, `{"username":"alice"}`, "Idempotency-Key: "+strings.Repeat("k", 255)); res.StatusCode != http.StatusCreated {
		t.Errorf("255 characters: %d", res.StatusCode)
	}
}

func TestHostileNamesStayText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.buy = func(p sale.PurchaseRequest) sale.Answer {
		return sale.Answer{Kind: sale.UnknownShopper, Sale: activeSale()}
	}
	for _, name := range []string{
		`"><script>alert(1)</script>`, `a"}{"x":"`, `{{.}}`, `flashsale:{1:3}:holders`, `'; drop table orders; --`, "línea separada", "日本語", "😀", `back\slash`,
	} {
		body := request.AppendString([]byte(`{"username":`), name)
		res := w.send(t, "POST", buy, string(append(body, '}')))
		res.problem(t, 404, "user-not-found")
		res.has(t, map[string]any{"userId": name})
	}
	if log := w.logged.String(); strings.Contains(log, "script") || strings.Contains(log, "drop table") {
		t.Error("a name got into the log")
	}
}

func TestPurchasesOverTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.MaxPurchases = 1 })
	waiting, release := make(chan struct{}), make(chan struct{})
	w.checkout.buy = func(p sale.PurchaseRequest) sale.Answer {
		if p.Name == "first" {
			close(waiting)
			<-release
		}
		return sale.Answer{Kind: sale.Bought, Receipt: receipt(p.Name), Sale: activeSale()}
	}
	done := make(chan reply)
	go func() { done <- w.send(t, "POST", buy, `{"username":"first"}`) }()
	<-waiting
	res := w.send(t, "POST", buy, `{"username":"second"}`)
	res.problem(t, 503, "overloaded")
	res.has(t, map[string]any{"userId": "second", "message": request.ErrOverloaded.Message})
	if res.Header.Get("Retry-After") != "1" || !strings.Contains(res.raw, "not bought") {
		t.Errorf("the problem does not say that nothing was bought, or when to try again: %s", res.raw)
	}
	close(release)
	if r := <-done; r.StatusCode != http.StatusCreated {
		t.Errorf("the request under way got %d", r.StatusCode)
	}
	if r := w.send(t, "POST", buy, `{"username":"third"}`); r.StatusCode != http.StatusCreated {
		t.Errorf("after its end: %d", r.StatusCode)
	}
}

func TestNoCurrentSale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.catalog.snaps = nil
	w.checkout.buy = func(p sale.PurchaseRequest) sale.Answer { return sale.Answer{Kind: sale.Unavailable, Username: p.Name} }
	w.send(t, "POST", buy, `{"username":1}`).problem(t, 422, "invalid-request")
	w.send(t, "POST", buy, `{"username":"alice"}`).problem(t, 404, "no-sale")
	w.send(t, "GET", "/api/flash-sale/status", "").problem(t, 404, "no-sale")
	w.send(t, "GET", "/api/flash-sale/product", "").problem(t, 404, "no-sale")
	w.send(t, "GET", "/api/flash-sale/stream", "").problem(t, 404, "no-sale")
	if res := w.send(t, "GET", "/api/sales", ""); res.raw != "{\"sales\":[]}\n" {
		t.Errorf("%s", res.raw)
	}
}

func TestAPanicIsAFaultOfOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.MaxPurchases = 1 })
	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer { panic("boom") }
	res := w.send(t, "POST", buy, `{"username":"alice"}`, "X-Request-Id: abc-1")
	res.problem(t, 500, "internal")
	if strings.Contains(res.raw, "boom") {
		t.Error("the answer shows internal details")
	}
	if log := w.logged.String(); strings.Count(log, `"level":"ERROR"`) != 1 || !strings.Contains(log, "boom") || !strings.Contains(log, "abc-1") {
		t.Errorf("log: %s", log)
	}
	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer {
		return sale.Answer{Kind: sale.Bought, Receipt: receipt("bob"), Sale: activeSale()}
	}
	if res := w.send(t, "POST", buy, `{"username":"bob"}`); res.StatusCode != http.StatusCreated {
		t.Errorf("the next request got %d: the one that panicked still counts as under way", res.StatusCode)
	}
}
