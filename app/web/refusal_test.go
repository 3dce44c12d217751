package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/sale"
)

// A reason that is added to events.Reasons fails here until it has a status, texts, a page and a metric. Those named
// here are told to shoppers in the words of another one.
func TestEveryReasonOfARefusalIsToldInItsOwnWords(t *testing.T) {
	t.Parallel()
	general := []events.Reason{events.ReasonAlreadyOwns, events.ReasonOther}
	reg := prometheus.NewPedanticRegistry()
	w := newWorld(t, func(c *Config) { c.Registerer = reg })
	// Each outcome has a counter before the first request, so that a dashboard can tell "none" from "not asked".
	counted, told := outcomes(t, reg), map[string]bool{}
	for _, reason := range events.Reasons() {
		k := request.ReasonKind(reason)
		told[k.Name] = true
		if k.Status != http.StatusConflict || k.Title == "" || k.Message == "" || k.Explain == "" || !slices.Contains(request.Kinds(), k) {
			t.Errorf("%s: %+v", reason, k)
		}
		if own := k.Name == string(reason); own == slices.Contains(general, reason) {
			t.Errorf("%s is told as %s", reason, k.Name)
		}
		w.checkout.buy = func(sale.PurchaseRequest) sale.Answer {
			return sale.Answer{Kind: sale.Refused, Reason: reason, Sale: activeSale()}
		}
		w.send(t, http.MethodPost, buy, `{"username":"alice"}`).problem(t, k.Status, k.Name)
		page := w.send(t, http.MethodPost, buy, `{"username":"alice"}`, "HX-Request: true")
		if page.StatusCode != k.Status || !strings.Contains(page.raw, k.Page.Happened) {
			t.Errorf("%s: the page says %d %s", reason, page.StatusCode, page.raw)
		}
		w.checkout.claim = sale.ClaimState{State: sale.ClaimDeclined, Reason: reason}
		w.send(t, http.MethodGet, "/api/flash-sale/claims/"+orderA, "").has(t, map[string]any{
			"type": "/problems/" + k.Name, "status": k.Status, "message": k.Message, "pending": nil, "success": false,
		})
		if res := w.send(t, http.MethodGet, "/problems/"+k.Name, ""); res.StatusCode != http.StatusOK || !strings.Contains(res.raw, k.Explain) {
			t.Errorf("%s: its page answers %d %s", reason, res.StatusCode, res.raw)
		}
	}
	if counted != len(told) {
		t.Errorf("%d outcomes are counted from the start, want %d", counted, len(told))
	}
}

// outcomes is how many outcomes of a purchase request are counted.
func outcomes(t *testing.T, reg prometheus.Gatherer) int {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "flashsale_purchases_total" {
			return len(f.GetMetric())
		}
	}
	return 0
}
