package web

import (
	"net/http"
	"strings"
	"testing"

	"flashsale/app/operator"
	"flashsale/app/web/request"
)

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
		"seed nobody":          {"POST", "/api/users/seed", `{"userCount":0}`, "seed 0", map[string]any{"usersCreated": 0, "message": "No shoppers were asked for, and none were made"}},
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
		{seed, `{"userCount":-1}`, 422, "invalid-request", "userCount"},
		{seed, `{"userCount":1000001}`, 422, "invalid-request", "userCount"},
		{seed, `{"userCount":true}`, 422, "invalid-request", "userCount"},
		{reset, `{"resetToSmallStock":"true"}`, 422, "invalid-request", "resetToSmallStock"},
		{reset, `{"resetToSmallStock":1}`, 422, "invalid-request", "resetToSmallStock"},
		{reset, `nonsense`, 422, "invalid-request", "body"},
		{reset, strings.Repeat(" ", request.MaxBody+1), 413, "too-large", ""},
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

func TestVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ops.checks = []operator.Check{{ID: "I1", Title: "taken is what is ordered", State: "ok"}, {ID: "I3", Title: "x", State: "unknown", Detail: "only clients know"}}
	res := w.send(t, "POST", "/api/admin/verify", "")
	res.has(t, map[string]any{"ok": true})
	w.ops.checks = append(w.ops.checks, operator.Check{ID: "I2", Title: "one each", State: "broken"})
	res = w.send(t, "POST", "/api/admin/verify", "")
	res.has(t, map[string]any{"ok": false})
	if checks, _ := res.json["checks"].([]any); res.StatusCode != http.StatusOK || len(checks) != 3 {
		t.Errorf("%d %s", res.StatusCode, res.raw)
	}
}
