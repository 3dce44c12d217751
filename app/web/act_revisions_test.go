package web

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/sale"
)

const (
	theSale   = "/api/admin/sales/first"
	someOrder = "/api/admin/orders/8f14e45f-ceea-867a-9a36-dedd4bea2543/cancel"
)

func TestIfMatch(t *testing.T) {
	t.Parallel()
	const stale, bad = http.StatusPreconditionFailed, http.StatusUnprocessableEntity
	for field, want := range map[string]int{
		`"9"`: 200, `*`: 200, ` "9" `: 200, `"8", "9"`: 200, `"8","9"`: 200, `, "9",`: 200, `W/"8", "9"`: 200, `"a b", "9"`: bad,
		`"8"`: stale, `W/"9"`: stale, `""`: stale, `"09"`: stale, `"x"`: stale, `"9x"`: stale,
		`9`: bad, `"9`: bad, `9"`: bad, `"8" "9"`: bad, `*, "9"`: bad, `"9", *`: bad, `,`: bad, `w/"9"`: bad, `"9"x`: bad, "": bad,
	} {
		w := newWorld(t)
		res := w.send(t, "POST", "/api/admin/pause", "", "If-Match: "+field)
		if res.StatusCode != want {
			t.Errorf("%q: %d, want %d, %s", field, res.StatusCode, want, res.raw)
		}
		switch want {
		case bad:
			if len(w.ops.calls) != 0 || firstField(res) != "If-Match" {
				t.Errorf("%q: calls %q, %s", field, w.ops.calls, res.raw)
			}
		case stale:
			res.problem(t, 412, "revision-changed")
			res.has(t, map[string]any{"seenRevision": strings.TrimSpace(field), "presentRevision": 9})
		}
	}
}

func TestEveryActSaysBeforeAndAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, target, body string }{
		{"POST", "/api/flash-sale/reset", ""},
		{"POST", "/api/flash-sale/stock-preset/small", ""},
		{"POST", "/api/flash-sale/update-stock", `{"stockAmount":5}`},
		{"POST", "/api/admin/pause", ""},
		{"POST", "/api/sales/first/resume", ""},
		{"POST", "/api/admin/close", ""},
		{"PATCH", theSale, `{"stock":5}`},
		{"POST", someOrder, `{"reason":"a mistake"}`},
	} {
		res := newWorld(t).send(t, c.method, c.target, c.body, "If-Match: *")
		if res.StatusCode != http.StatusOK || res.Header.Get("ETag") != `"9"` {
			t.Errorf("%s: %d, ETag %s", c.target, res.StatusCode, res.Header.Get("ETag"))
		}
		res.has(t, map[string]any{"success": true, "revision": 9, "slug": "first"})
		for when, revision := range map[string]float64{"before": 8, "after": 9} {
			f, _ := res.json[when].(map[string]any)
			if f["revision"] != revision || f["status"] != "active" || f["state"] != "open" || f["total"] != 5.0 || f["sold"] != 2.0 ||
				f["generation"] != 3.0 || f["startTime"] != "2026-01-01T10:00:00.000Z" || f["endTime"] != "2026-01-01T13:00:00.000Z" {
				t.Errorf("%s: %s is %v", c.target, when, f)
			}
		}
	}
}

func TestAnActIsKnownByItsRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	send := func(session, target, body string, fields ...string) operator.Act {
		t.Helper()
		if res := w.send(t, "POST", target, body, append(fields, "Test-Session: "+session)...); res.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", res.StatusCode, res.raw)
		}
		return w.ops.acts[len(w.ops.acts)-1]
	}
	const stock, other = "/api/sales/first/update-stock", "/api/flash-sale/update-stock"
	first := send("root!", stock, `{"stockAmount":5}`, "Idempotency-Key: k")
	if first.Principal != "root" || first.Key != "k" || first.Route != "POST /api/sales/:slug/update-stock" {
		t.Errorf("the act is %+v", first)
	}
	if again := send("root!", stock, `{"stockAmount":5}`, "Idempotency-Key: k", `If-Match: "9"`); again.ActKey != first.ActKey {
		t.Errorf("the repeat is %+v", again)
	}
	for _, differs := range []operator.Act{
		send("root!", stock, `{"stockAmount":6}`, "Idempotency-Key: k"),
		send("root!", other, `{"stockAmount":5}`, "Idempotency-Key: k"),
		send("root!", stock+"?x=1", `{"stockAmount":5}`, "Idempotency-Key: k"),
	} {
		if differs.Digest == first.Digest {
			t.Errorf("%+v has the digest of another request", differs)
		}
	}
	if keyless := send("root!", stock, `{"stockAmount":5}`); keyless.Key != "" {
		t.Errorf("without a key: %+v", keyless)
	}
	for _, key := range []string{"", strings.Repeat("k", 256), "ä"} {
		res := w.send(t, "POST", stock, `{"stockAmount":5}`, "Test-Session: root!", "Idempotency-Key: "+key)
		if res.problem(t, 422, "invalid-request"); firstField(res) != "Idempotency-Key" {
			t.Errorf("%q names %q", key, firstField(res))
		}
	}
	demo := newWorld(t)
	demo.send(t, "POST", "/api/admin/pause", "")
	if demo.ops.acts[0].Principal != "demo" {
		t.Errorf("in demo mode it is %+v", demo.ops.acts[0])
	}
}

func TestProblemsOfActs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err     error
		status  int
		problem string
	}{
		{audit.ErrKeyRunning, 409, "key-running"},
		{audit.ErrKeyReused, 422, "key-reused"},
		{errors.Join(audit.ErrOutcomeUnknown, errors.New("connection reset")), 504, "outcome-unknown"},
		{sale.ErrNoOrder, 404, "no-order"},
	} {
		w := newWorld(t)
		w.ops.err = c.err
		w.send(t, "POST", someOrder, `{"reason":"x"}`).problem(t, c.status, c.problem)
	}
}

func TestAmending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res := w.send(t, "PATCH", theSale, `{"startTime":"2026-02-01T10:00:00+02:00","endTime":"2026-02-01T10:00:00.5Z","stock":7,"other":[]}`, `If-Match: "9"`)
	res.has(t, map[string]any{"success": true, "id": 1, "slug": "first", "total": 5, "sold": 2, "serverTime": at12})
	got := w.ops.amendment
	if got.StartsAt == nil || !got.StartsAt.Equal(time.Date(2026, 2, 1, 8, 0, 0, 0, time.UTC)) || got.EndsAt == nil ||
		!got.EndsAt.Equal(time.Date(2026, 2, 1, 10, 0, 0, 5e8, time.UTC)) || got.Total == nil || *got.Total != 7 || w.ops.calls[0] != "amend first" {
		t.Errorf("asked for %+v, %q", got, w.ops.calls)
	}
	for body, field := range map[string]string{
		`{}`: "body", ``: "body", `{"other":1}`: "body", `{"startTime":"tomorrow"}`: "startTime", `{"endTime":5}`: "endTime", `{"stock":"5"}`: "stock",
		`{"stock":-1}`: "stock", `{"stock":1.5}`: "stock", `{"stock":null}`: "stock", `{"endTime":"1999-12-31T23:59:59Z"}`: "endTime", `{"stock":1,"stock":1}`: "stock",
	} {
		w := newWorld(t)
		res := w.send(t, "PATCH", theSale, body, "If-Match: *")
		if res.problem(t, 422, "invalid-request"); firstField(res) != field || len(w.ops.calls) != 0 {
			t.Errorf("%s names %q, calls %q", body, firstField(res), w.ops.calls)
		}
	}
	w.send(t, "PATCH", theSale, `{"stock":7}`).problem(t, 428, "revision-required")
	w.send(t, "PATCH", theSale, `{"stock":7}`, `If-Match: "8"`).problem(t, 412, "revision-changed")
}

func TestSalesForOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.send(t, "GET", theSale, "")
	one.has(t, map[string]any{"slug": "first", "state": "open", "status": "active", "revision": 9, "version": 57})
	if one.Header.Get("ETag") != `"9"` {
		t.Errorf("ETag %s", one.Header.Get("ETag"))
	}
	w.send(t, "GET", "/api/admin/sales/none", "").problem(t, 404, "no-sale")
	if all, _ := w.send(t, "GET", "/api/admin/sales", "").json["sales"].([]any); len(all) != 1 {
		t.Errorf("%d sales", len(all))
	}
	closed := newWorld(t, accountsMode)
	for _, c := range []struct{ method, target, body string }{
		{"GET", theSale, ""}, {"GET", "/api/admin/sales", ""}, {"PATCH", theSale, `{"stock":1}`}, {"POST", someOrder, `{"reason":"x"}`},
	} {
		closed.send(t, c.method, c.target, c.body, "If-Match: *").problem(t, 401, "sign-in")
		closed.send(t, c.method, c.target, c.body, "If-Match: *", "Test-Session: alice").problem(t, 403, "not-operator")
	}
}

func TestCancelling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res := w.send(t, "POST", someOrder, `{"reason":"  paid twice\nsorry "}`)
	o, _ := res.json["order"].(map[string]any)
	if res.StatusCode != http.StatusOK || o["purchaseId"] != "8f14e45f-ceea-867a-9a36-dedd4bea2543" || o["state"] != "cancelled" || o["userId"] != "alice" ||
		o["unit"] != 3.0 || o["cancelledAt"] != at12 {
		t.Errorf("%d %s", res.StatusCode, res.raw)
	}
	if w.ops.calls[0] != "cancel 8f14e45f-ceea-867a-9a36-dedd4bea2543 paid twice\nsorry" {
		t.Errorf("called %q", w.ops.calls)
	}
	for _, body := range []string{``, `{}`, `{"reason":""}`, `{"reason":" \n "}`, `{"reason":5}`, `{"reason":"\u0000"}`, `{"reason":"` + strings.Repeat("é", 501) + `"}`} {
		w := newWorld(t)
		res := w.send(t, "POST", someOrder, body)
		if res.problem(t, 422, "invalid-request"); firstField(res) != "reason" || len(w.ops.calls) != 0 {
			t.Errorf("%s names %q", body, firstField(res))
		}
	}
	if res := w.send(t, "POST", someOrder, `{"reason":"`+strings.Repeat("é", 500)+`"}`); res.StatusCode != http.StatusOK {
		t.Errorf("500 characters: %d", res.StatusCode)
	}
	for _, id := range []string{"7", "{8f14e45f-ceea-867a-9a36-dedd4bea2543}", "8f14e45fceea867a9a36dedd4bea2543", "%00"} {
		w.send(t, "POST", "/api/admin/orders/"+id+"/cancel", `{"reason":"x"}`).problem(t, 404, "no-order")
	}
}
