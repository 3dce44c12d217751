package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
	"flashsale/sale"
)

// A reason that is added to events.Reasons fails here until it has a status, texts, a page and a metric. Those named
// here are told to shoppers in the words of another one.
func TestEveryReasonOfARefusalIsToldInItsOwnWords(t *testing.T) {
	t.Parallel()
	general := []events.Reason{events.ReasonAlreadyOwns, events.ReasonOther}
	w := newWorld(t)
	reg := prometheus.NewPedanticRegistry()
	newInstruments(reg, w.hub)
	for _, reason := range events.Reasons() {
		k := refusal(reason)
		if k.status != http.StatusConflict || k.title == "" || k.message == "" || k.explain == "" || !slices.Contains(kinds(), k) {
			t.Errorf("%s: %+v", reason, k)
		}
		if own := k.name == string(reason); own == slices.Contains(general, reason) {
			t.Errorf("%s is told as %s", reason, k.name)
		}
		outcome, status := purchaseView(sale.Answer{Kind: sale.Refused, Reason: reason})
		if status != k.status || !strings.Contains(outcome.Title+outcome.Text, k.message) {
			t.Errorf("%s: the page says %+v with status %d", reason, outcome, status)
		}
		d := claimOf(uuid.New(), sale.ClaimState{State: sale.ClaimDeclined, Reason: reason})
		if d.Type != "/problems/"+k.name || d.Status != k.status || d.Message != k.message || d.Pending {
			t.Errorf("%s: the claim says %+v", reason, d)
		}
		if res := w.send(t, http.MethodGet, "/problems/"+k.name, ""); res.StatusCode != http.StatusOK || !strings.Contains(res.raw, k.explain) {
			t.Errorf("%s: its page answers %d %s", reason, res.StatusCode, res.raw)
		}
	}
	// Each is there before the first press, so that a dashboard can tell "none" from "not asked".
	told := map[string]bool{}
	for _, reason := range events.Reasons() {
		told[refusal(reason).name] = true
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := 0
	for _, f := range families {
		if f.GetName() == "flashsale_purchases_total" {
			counted = len(f.GetMetric())
		}
	}
	if counted != len(told) {
		t.Errorf("%d outcomes are counted from the start, want %d", counted, len(told))
	}
}
