package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/users"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	base := map[string]any{
		"maxStock": 5, "startTime": "2026-01-01T10:00:00.000Z", "endTime": "2026-01-01T13:00:00.000Z",
		"id": 1, "slug": "first", "generation": 3, "version": 57, "serverTime": at12,
	}
	for name, c := range map[string]struct {
		change func(*sale.Snapshot)
		want   map[string]any
	}{
		"active": {func(*sale.Snapshot) {}, map[string]any{"status": "active", "currentStock": 3, "sold": 2, "allClaimed": false,
			"timeUntilEnd": 3_600_000, "timeUntilStart": nil, "stale": nil, "ageMs": nil}},
		"upcoming": {func(s *sale.Snapshot) {
			s.State, s.Taken = sale.Scheduled, 0
			s.Now = s.StartsAt.Add(-1500 * time.Millisecond)
		}, map[string]any{"status": "upcoming", "currentStock": 5, "sold": 0, "timeUntilStart": 1500, "timeUntilEnd": 10_801_500, "serverTime": "2026-01-01T09:59:58.500Z"}},
		"sold out":    {func(s *sale.Snapshot) { s.Taken = 5 }, map[string]any{"status": "sold-out", "currentStock": 0, "sold": 5}},
		"ended":       {func(s *sale.Snapshot) { s.State = sale.Closed }, map[string]any{"status": "ended", "timeUntilEnd": nil, "timeUntilStart": nil}},
		"paused":      {func(s *sale.Snapshot) { s.State = sale.Paused }, map[string]any{"status": "paused"}},
		"all claimed": {func(s *sale.Snapshot) { s.AllClaimed = true }, map[string]any{"status": "active", "allClaimed": true}},
		"stale": {func(s *sale.Snapshot) { s.Stale, s.Age = true, 2500*time.Millisecond },
			map[string]any{"status": "active", "stale": true, "ageMs": 2500}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.board.change(c.change)
			for _, target := range []string{"/api/flash-sale/status", "/api/sales/first/status"} {
				res := w.send(t, "GET", target, "")
				if res.StatusCode != http.StatusOK || res.Header.Get("Sale-Version") != "57" || res.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%d %v", res.StatusCode, res.Header)
				}
				want := map[string]any{}
				for _, m := range []map[string]any{base, c.want} {
					for k, v := range m {
						want[k] = v
					}
				}
				res.has(t, want)
			}
			list := w.send(t, "GET", "/api/sales", "")
			sales, _ := list.json["sales"].([]any)
			if len(sales) != 1 || sales[0].(map[string]any)["status"] != c.want["status"] {
				t.Errorf("the list says %s", list.raw)
			}
		})
	}
}

func TestProduct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res := w.send(t, "GET", "/api/flash-sale/product", "")
	res.has(t, map[string]any{
		"id": 1, "product_name": "Lamp", "price": "499.00", "price_minor": 49_900, "discount": "200.05", "discount_minor": 20_005,
		"price_after_discount": "298.95", "price_after_discount_minor": 29_895, "currency_code": "USD", "currency_symbol": "$",
		"current_stock": 3, "max_stock": 5, "start_time": "2026-01-01T10:00:00.000Z", "end_time": "2026-01-01T13:00:00.000Z",
	})
	images, _ := res.json["images"].(map[string]any)
	if images["main"] != "/static/a.svg" || images["thumbnails"] == nil || images["gallery"] == nil {
		t.Errorf("images are %v", images)
	}
	for _, field := range []string{"description", "details", "specification", "important_info"} {
		if v, ok := res.json[field]; !ok || v == nil {
			t.Errorf("%s is %v", field, v)
		}
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor int64
		code  string
		want  string
	}{{49_900, "USD", "499.00"}, {5, "EUR", "0.05"}, {0, "EUR", "0.00"}, {-105, "EUR", "-1.05"}, {1200, "JPY", "1200"}, {1234, "KWD", "1.234"}} {
		if got := decimal(c.minor, minorDigits(c.code)); got != c.want {
			t.Errorf("%d %s: %s, want %s", c.minor, c.code, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.receipts["alice"] = receipt("alice")
	w.checkout.receipts["a/b@x.org"] = receipt("a/b@x.org")
	owned := map[string]any{"hasPurchased": true, "purchaseId": orderA, "unit": 3, "timestamp": at1159}
	for target, want := range map[string]map[string]any{
		"alice":            owned,
		"ALICE":            owned,
		"%41lice":          owned,
		"a%2Fb%40x.org":    owned,
		"nobody":           {"hasPurchased": false, "purchaseId": nil, "unit": nil, "timestamp": nil},
		"100%25%20nothing": {"hasPurchased": false},
	} {
		res := w.send(t, "GET", buy+"/"+target, "")
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", target, res.StatusCode)
		}
		res.has(t, want)
	}
	bad := w.send(t, "GET", buy+"/"+strings.Repeat("x", 300), "")
	bad.problem(t, 422, "invalid-request")
	if firstField(bad) != "userIdentifier" {
		t.Errorf("names %s", firstField(bad))
	}
	w.send(t, "GET", "/api/sales/first/purchase/alice", "").has(t, owned)
	if last := w.checkout.asked[len(w.checkout.asked)-1]; last != "first|alice" {
		t.Errorf("asked for %s", last)
	}
	w.checkout.err = sale.ErrNoSale
	w.send(t, "GET", buy+"/alice", "").problem(t, 404, "no-sale")
}

func TestClaims(t *testing.T) {
	t.Parallel()
	const path = "/api/flash-sale/claims/" + orderA
	ordered := sale.ClaimState{State: sale.ClaimOrdered, Receipt: receipt("alice"), Username: "alice", At: noon}
	for name, c := range map[string]struct {
		state  sale.ClaimState
		status int
		want   map[string]any
	}{
		"ordered": {ordered, 200, map[string]any{"state": "ordered", "success": true, "message": "Purchase successful!", "purchaseId": orderA,
			"userId": "alice", "unit": 3, "timestamp": at1159, "type": nil}},
		"declined": {sale.ClaimState{State: sale.ClaimDeclined, Reason: "sold-out", Username: "alice", At: noon}, 200, map[string]any{
			"state": "declined", "success": false, "type": "/problems/sold-out", "status": 409, "timestamp": at12, "userId": "alice", "purchaseId": nil}},
		"pending": {sale.ClaimState{State: sale.ClaimPending}, 202, map[string]any{"state": "pending", "pending": true, "success": false, "timestamp": nil}},
		"gone":    {sale.ClaimState{State: sale.ClaimGone}, 410, map[string]any{"type": "/problems/not-bought", "message": "Not bought, press again"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.checkout.claim = c.state
			res := w.send(t, "GET", path+"?at=3.99", "")
			if res.StatusCode != c.status {
				t.Errorf("%d, want %d", res.StatusCode, c.status)
			}
			res.has(t, c.want)
			if w.checkout.at == nil || *w.checkout.at != (events.Position{Partition: 3, Offset: 99}) {
				t.Errorf("asked at %v", w.checkout.at)
			}
			if c.status == 202 && (res.Header.Get("Retry-After") != "1" || res.Header.Get("Location") != path+"?at=3.99") {
				t.Errorf("pending without a way back: %v", res.Header)
			}
		})
	}
	w := newWorld(t)
	w.checkout.claim = ordered
	for _, at := range []string{"x", "1", "1.", ".1", "-1.2", "1.-2", "1.2.3", "99999999.1", "1.99999999999999999999"} {
		res := w.send(t, "GET", path+"?at="+at, "")
		res.problem(t, 422, "invalid-request")
		if firstField(res) != "at" {
			t.Errorf("names %s", firstField(res))
		}
	}
	if res := w.send(t, "GET", path, ""); res.StatusCode != http.StatusOK || w.checkout.at != nil {
		t.Errorf("without a position: %d, asked at %v", res.StatusCode, w.checkout.at)
	}
	w.send(t, "GET", "/api/flash-sale/claims/nonsense", "").problem(t, 404, "no-claim")
}

func TestOperations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, target, body string
		call                 string
		want                 map[string]any
	}{
		"reset":                {"POST", "/api/flash-sale/reset", "", "reset  small", map[string]any{"resetToSmallStock": true, "generation": 3, "success": true}},
		"reset, empty object":  {"POST", "/api/flash-sale/reset", "{}", "reset  small", map[string]any{"resetToSmallStock": true}},
		"reset, stock kept":    {"POST", "/api/flash-sale/reset", `{"resetToSmallStock":false}`, "reset  keep", map[string]any{"resetToSmallStock": false}},
		"reset of a sale":      {"POST", "/api/sales/first/reset", "", "reset first small", nil},
		"preset":               {"POST", "/api/flash-sale/stock-preset/extreme", "", "preset  extreme", map[string]any{"success": true, "preset": "extreme", "stockAmount": 5, "userCount": 10_000, "timestamp": at12, "generation": 3}},
		"preset of a sale":     {"POST", "/api/sales/first/stock-preset/small", "", "preset first small", nil},
		"stock":                {"POST", "/api/flash-sale/update-stock", `{"stockAmount":5}`, "stock  5", map[string]any{"success": true, "stockAmount": 5, "timestamp": at12, "currentStock": 3, "sold": 2}},
		"no stock":             {"POST", "/api/flash-sale/update-stock", `{"stockAmount":0}`, "stock  0", nil},
		"the largest stock":    {"POST", "/api/flash-sale/update-stock", `{"stockAmount":100000000}`, "stock  100000000", nil},
		"pause":                {"POST", "/api/admin/pause", "", "pause ", map[string]any{"success": true, "status": "active"}},
		"resume":               {"POST", "/api/admin/resume", "", "resume ", nil},
		"close":                {"POST", "/api/admin/close", "", "close ", nil},
		"pause of a sale":      {"POST", "/api/sales/first/pause", "", "pause first", nil},
		"resume of a sale":     {"POST", "/api/sales/first/resume", "", "resume first", nil},
		"close of a sale":      {"POST", "/api/sales/first/close", "", "close first", nil},
		"seed":                 {"POST", "/api/users/seed", `{"userCount":1000000}`, "seed 1000000", map[string]any{"usersCreated": 1_000_000}},
		"seed, by default ten": {"POST", "/api/users/seed", "", "seed 10", map[string]any{"usersCreated": 10}},
		"archive":              {"DELETE", "/api/users/reset", "", "archive", map[string]any{"usersRemoved": 12}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			res := w.send(t, c.method, c.target, c.body)
			if res.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", res.StatusCode, res.raw)
			}
			if m, _ := res.json["message"].(string); m == "" {
				t.Errorf("no message in %s", res.raw)
			}
			res.has(t, c.want)
			if len(w.ops.calls) != 1 || w.ops.calls[0] != c.call {
				t.Errorf("called %q, want %q", w.ops.calls, c.call)
			}
		})
	}
}

func TestEmptyBodiesMeanDefaultsWhateverTheirType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, ct := range []string{"-", "application/json", "application/x-www-form-urlencoded", "text/plain"} {
		for _, target := range []string{"/api/flash-sale/reset", "/api/users/seed"} {
			if res := w.send(t, "POST", target, "", "Content-Type: "+ct); res.StatusCode != http.StatusOK {
				t.Errorf("%s with %s: %d", target, ct, res.StatusCode)
			}
		}
	}
}

func TestOperatorsMistakes(t *testing.T) {
	t.Parallel()
	stock, seed, reset := "/api/flash-sale/update-stock", "/api/users/seed", "/api/flash-sale/reset"
	for _, c := range []struct {
		target, body string
		status       int
		problem      string
		field        string
	}{
		{stock, "", 422, "invalid-request", "stockAmount"},
		{stock, `{}`, 422, "invalid-request", "stockAmount"},
		{stock, `{"stockAmount":"5"}`, 422, "invalid-request", "stockAmount"},
		{stock, `{"stockAmount":5.5}`, 422, "invalid-request", "stockAmount"},
		{stock, `{"stockAmount":1e2}`, 422, "invalid-request", "stockAmount"},
		{stock, `{"stockAmount":-1}`, 422, "invalid-request", "stockAmount"},
		{stock, `{"stockAmount":100000001}`, 422, "invalid-request", "stockAmount"},
		{stock, `{"stockAmount":99999999999999999999}`, 422, "invalid-request", "stockAmount"},
		{stock, `{"stockAmount":null}`, 422, "invalid-request", "stockAmount"},
		{stock, `{"stockAmount":1,"stockAmount":1}`, 422, "invalid-request", "stockAmount"},
		{seed, `{"userCount":0}`, 422, "invalid-request", "userCount"},
		{seed, `{"userCount":1000001}`, 422, "invalid-request", "userCount"},
		{seed, `{"userCount":true}`, 422, "invalid-request", "userCount"},
		{reset, `{"resetToSmallStock":"true"}`, 422, "invalid-request", "resetToSmallStock"},
		{reset, `{"resetToSmallStock":1}`, 422, "invalid-request", "resetToSmallStock"},
		{reset, `nonsense`, 422, "invalid-request", "body"},
		{reset, strings.Repeat(" ", maxBody+1), 413, "too-large", ""},
		{"/api/flash-sale/stock-preset/huge", "", 400, "unknown-preset", ""},
		{"/api/flash-sale/stock-preset/Small", "", 400, "unknown-preset", ""},
	} {
		w := newWorld(t)
		res := w.send(t, "POST", c.target, c.body)
		res.problem(t, c.status, c.problem)
		if firstField(res) != c.field {
			t.Errorf("%s %s names %q", c.target, c.body, firstField(res))
		}
		if len(w.ops.calls) != 0 {
			t.Errorf("%s %s was carried out", c.target, c.body)
		}
	}
	w := newWorld(t)
	if m := w.send(t, "POST", "/api/flash-sale/stock-preset/x", "").json["message"]; m != "Available presets: small, medium, large, extreme" {
		t.Errorf("the message is %v", m)
	}
}

func TestErrorsOfTheDomains(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err     error
		status  int
		problem string
	}{
		{sale.ErrNoSale, 404, "no-sale"},
		{sale.ErrBusy, 409, "busy"},
		{sale.ErrBelowSold, 409, "below-sold"},
		{sale.ErrState, 409, "wrong-state"},
		{context.DeadlineExceeded, 503, "unavailable"},
		{errors.New("disk on fire at 10.0.0.7"), 500, "internal"},
	} {
		w := newWorld(t)
		w.ops.err = errors.Join(errors.New("operate"), c.err)
		res := w.send(t, "POST", "/api/flash-sale/update-stock", `{"stockAmount":1}`)
		res.problem(t, c.status, c.problem)
		if strings.Contains(res.raw, "operate") || strings.Contains(res.raw, "10.0.0.7") {
			t.Errorf("the answer shows the inside: %s", res.raw)
		}
		if logged := strings.Contains(w.logged.String(), `"level":"ERROR"`); logged != (c.status == 500) {
			t.Errorf("%v: logged as an error is %v", c.err, logged)
		}
		if c.status == 503 && res.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.users.page = users.Page{Total: 41, Accounts: []users.Account{
		{ID: 7, Username: "alice", Email: "alice@example.com", MayPurchase: true, CreatedAt: noon, UpdatedAt: noon.Add(time.Second)},
		{ID: 8, Username: "bob_wilson", Email: "bob_wilson@example.com", CreatedAt: noon, UpdatedAt: noon},
	}}
	w.checkout.receipts["alice"] = receipt("alice")
	res := w.send(t, "GET", "/api/users?page=2&limit=20", "")
	p, _ := res.json["pagination"].(map[string]any)
	for field, want := range map[string]float64{"page": 2, "limit": 20, "total": 41, "totalPages": 3} {
		if p[field] != want {
			t.Errorf("%s: %v, want %v", field, p[field], want)
		}
	}
	list, _ := res.json["users"].([]any)
	if len(list) != 2 {
		t.Fatalf("%s", res.raw)
	}
	reply{raw: res.raw, json: list[0].(map[string]any)}.has(t, map[string]any{
		"id": 7, "username": "alice", "email": "alice@example.com", "canPurchase": true, "hasPurchased": true,
		"purchaseId": orderA, "createdAt": at12, "updatedAt": "2026-01-01T12:00:01.000Z"})
	reply{raw: res.raw, json: list[1].(map[string]any)}.has(t, map[string]any{"canPurchase": false, "hasPurchased": false, "purchaseId": nil})
	if w.users.asked != [2]int{2, 20} {
		t.Errorf("asked for %v", w.users.asked)
	}
	w.send(t, "GET", "/api/users", "")
	if w.users.asked != [2]int{1, 20} {
		t.Errorf("by default asks for %v", w.users.asked)
	}
	if res := w.send(t, "GET", "/api/users?limit=1000", ""); res.StatusCode != http.StatusOK {
		t.Errorf("limit 1000: %d", res.StatusCode)
	}
	w.checkout.err = sale.ErrNoSale
	if res := w.send(t, "GET", "/api/users", ""); res.StatusCode != http.StatusOK {
		t.Errorf("without a sale: %d", res.StatusCode)
	}
	for query, field := range map[string]string{
		"page=0": "page", "page=-1": "page", "page=x": "page", "page=": "page", "page=1.5": "page", "page=99999999999999999999": "page", "page=1&page=2": "page",
		"limit=0": "limit", "limit=1001": "limit", "limit=all": "limit",
	} {
		res := w.send(t, "GET", "/api/users?"+query, "")
		res.problem(t, 422, "invalid-request")
		if firstField(res) != field {
			t.Errorf("%s names %s", query, firstField(res))
		}
	}
}

func TestAnEmptyListIsAList(t *testing.T) {
	t.Parallel()
	res := newWorld(t).send(t, "GET", "/api/users", "")
	if !strings.HasPrefix(res.raw, `{"users":[],`) {
		t.Errorf("%s", res.raw)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ops.checks = []Check{{ID: "I1", Title: "taken is what is ordered", State: "ok"}, {ID: "I3", Title: "x", State: "unknown", Detail: "only clients know"}}
	res := w.send(t, "POST", "/api/admin/verify", "")
	res.has(t, map[string]any{"ok": true})
	w.ops.checks = append(w.ops.checks, Check{ID: "I2", Title: "one each", State: "broken"})
	res = w.send(t, "POST", "/api/admin/verify", "")
	res.has(t, map[string]any{"ok": false})
	if checks, _ := res.json["checks"].([]any); res.StatusCode != http.StatusOK || len(checks) != 3 {
		t.Errorf("%d %s", res.StatusCode, res.raw)
	}
}

func TestRoutesThatAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, target := range []string{
		"/api/flash-sale/debug/redis", "/api/flash-sale/debug/a/b", "/api/flash-sale/stress-test/run", "/api/stress-test/x", "/api/debug/y",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			res := w.send(t, method, target, "")
			res.problem(t, 404, "gone")
			if d, _ := res.json["detail"].(string); !strings.Contains(d, "flashsale stress") {
				t.Errorf("%s: %s", target, d)
			}
		}
	}
	w.send(t, "GET", "/api/nothing", "").problem(t, 404, "not-found")
	w.send(t, "GET", "/api/sales//status", "").problem(t, 404, "no-sale")
	w.send(t, "GET", "/api/flash-sale/purchase/", "").problem(t, 404, "not-found")
	for target, allow := range map[string]string{
		buy: "OPTIONS, POST", "/api/flash-sale/status": "GET, HEAD, OPTIONS", "/api/users/reset": "DELETE, OPTIONS",
	} {
		res := w.send(t, "PUT", target, "")
		res.problem(t, 405, "method-not-allowed")
		for _, method := range strings.Split(allow, ", ") {
			if !strings.Contains(res.Header.Get("Allow"), method) {
				t.Errorf("%s allows %s, want %s", target, res.Header.Get("Allow"), allow)
			}
		}
	}
}

func TestEveryProblemHasItsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]bool{}
	for _, k := range kinds() {
		if seen[k.name] {
			t.Errorf("%s is there twice", k.name)
		}
		seen[k.name] = true
		res := w.send(t, "GET", "/problems/"+k.name, "")
		if res.StatusCode != http.StatusOK || !strings.Contains(res.raw, k.explain) || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", k.name, res.StatusCode, res.raw)
		}
	}
	for _, name := range []string{"not-started", "ended", "paused", "sold-out", "all-claimed", "generation-changed"} {
		if k := refusal(name); k.name != name || k.status != 409 {
			t.Errorf("%s is %+v", name, k)
		}
	}
	w.send(t, "GET", "/problems/none", "").problem(t, 404, "not-found")
}

func TestClaimIDsAreParsedStrictly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.claim = sale.ClaimState{State: sale.ClaimPending}
	for _, id := range []string{"{" + orderA + "}", "urn:uuid:" + orderA, strings.ReplaceAll(orderA, "-", "")} {
		w.send(t, "GET", "/api/flash-sale/claims/"+id, "").problem(t, 404, "no-claim")
	}
	if res := w.send(t, "GET", "/api/flash-sale/claims/"+uuid.Nil.String(), ""); res.StatusCode != http.StatusAccepted {
		t.Errorf("a well-formed id: %d", res.StatusCode)
	}
}
