package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users/login/limits"
)

// fewAttempts lets each network ask once under each policy.
type fewAttempts struct{ asked map[string]int }

func (f *fewAttempts) Take(_ context.Context, policy limits.Policy, keys ...string) limits.Verdict {
	of := string(policy) + keys[len(keys)-1]
	f.asked[of]++
	return limits.Verdict{OK: f.asked[of] == 1, Wait: 2 * time.Second, Limit: 1, Window: 3 * time.Second}
}

func TestRoutesHaveTheLimitOfTheirPolicy(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	w := newWorld(t, accountsMode, func(c *Config) {
		c.Limits, c.Registerer, c.Gatherer = &fewAttempts{map[string]int{}}, reg, reg
	})
	claim := "/api/flash-sale/claims/" + uuid.NewString()
	for _, target := range []string{claim, "/api/flash-sale/purchase/alice"} {
		if res := w.send(t, "GET", target, "", "Test-Session: alice"); res.StatusCode == http.StatusTooManyRequests {
			t.Errorf("%s: the first request is answered %d", target, res.StatusCode)
		}
		res := w.send(t, "GET", target, "", "Test-Session: alice")
		res.problem(t, 429, "too-many-requests")
		if res.Header.Get("Retry-After") != "2" || res.Header.Get("RateLimit") == "" {
			t.Errorf("%s: %v", target, res.Header)
		}
	}
	// The first page asks the ledger what its query names, within the same budgets. A claim stays in sight.
	w.browse(t, "/?check=1", "Test-Session: alice").shows(t, 429, testID("user-purchase-status"), request.ErrTooMany.Page.Happened)
	w.checkout.claim = sale.ClaimState{State: sale.ClaimGone}
	w.browse(t, "/?claim="+uuid.NewString(), "Test-Session: alice").shows(t, 202, "being confirmed")
	for range 3 { // one's own budget of presses is the checkout's
		w.send(t, "GET", "/api/flash-sale/status", "").has(t, map[string]any{"status": "active"})
		w.send(t, "POST", buy, "", "Test-Session: alice").has(t, map[string]any{"success": true})
	}
	shown := ask(t, w.OpsHandler(), "/metrics").raw
	for _, want := range []string{`flashsale_limited_total{policy="claims"} 2`, `flashsale_limited_total{policy="api"} 2`, `flashsale_limited_total{policy="purchase"} 0`} {
		if !strings.Contains(shown, want+"\n") {
			t.Errorf("the metrics have no line %s", want)
		}
	}
	demo := newWorld(t, func(c *Config) { c.Limits = &fewAttempts{map[string]int{}} })
	for range 3 {
		if res := demo.send(t, "GET", claim, ""); res.StatusCode == http.StatusTooManyRequests {
			t.Error("demo mode has limits")
		}
	}
}
