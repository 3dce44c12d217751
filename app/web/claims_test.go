package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

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
				t.Errorf("pending without a Location: %v", res.Header)
			}
		})
	}
	w := newWorld(t)
	w.checkout.claim = ordered
	for _, at := range []string{"x", "1", "1.", ".1", "-1.2", "1.-2", "1.2.3", "99999999.1", "1.99999999999999999999", "8.0", "9999.0"} {
		res := w.send(t, "GET", path+"?at="+at, "")
		res.problem(t, 400, "invalid-position")
		if firstField(res) != "at" {
			t.Errorf("names %s", firstField(res))
		}
	}
	if res := w.send(t, "GET", path, ""); res.StatusCode != http.StatusOK || w.checkout.at != nil {
		t.Errorf("without a position: %d, asked at %v", res.StatusCode, w.checkout.at)
	}
	w.send(t, "GET", "/api/flash-sale/claims/nonsense", "").problem(t, 404, "no-claim")
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

// Overload and a server that is away are answered with 503 and a time to ask again, and not with 500.
func TestAnAnswerThatCannotBeGivenNowSaysWhenToAskAgain(t *testing.T) {
	t.Parallel()
	for _, err := range []error{sale.ErrTooMany, sale.ErrUnavailable} {
		w := newWorld(t)
		w.checkout.err = fmt.Errorf("find receipt: %w", err)
		for _, target := range []string{buy + "/alice", "/api/flash-sale/claims/" + orderA + "?at=3.99"} {
			res := w.send(t, "GET", target, "")
			res.problem(t, 503, "unavailable")
			if res.Header.Get("Retry-After") != "1" {
				t.Errorf("%s, %v: %v", target, err, res.Header)
			}
		}
	}
}
