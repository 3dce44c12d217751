package instance

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/inventory"
	"flashsale/users"
)

func (a *Instance) holders(t *testing.T) int64 {
	t.Helper()
	s, err := a.wiring.catalog.Snapshot("")
	if err != nil {
		t.Fatal(err)
	}
	h, err := a.wiring.places.Count(t.Context(), inventory.Key(s.Key()))
	if err != nil {
		t.Fatal(err)
	}
	return h.Count
}

func TestTheUnitOfACancelledOrderIsForSaleAgain(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	c.Act(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 2}).Is(t, http.StatusOK, "")
	mine, other := c.BuySettled("john_doe_1"), c.BuySettled("jane_smith_1")
	if mine.Status != http.StatusCreated || other.Status != http.StatusCreated {
		t.Fatalf("bought %s, %s", mine.Raw, other.Raw)
	}
	if r := c.BuySettled("alice_brown_1"); r.Status != http.StatusConflict {
		t.Fatalf("sold out, and %d %s", r.Status, r.Raw)
	}
	cancel := "/api/admin/orders/" + mine.Text("purchaseId") + "/cancel"
	r := c.Act(http.MethodPost, cancel, map[string]string{"reason": "paid twice"})
	r.Is(t, http.StatusOK, "")
	order, _ := r.Body["order"].(map[string]any)
	if order["purchaseId"] != mine.Text("purchaseId") || order["unit"] != mine.Body["unit"] || order["userId"] != "john_doe_1" ||
		r.Figure("before", "sold") != 2 || r.Figure("after", "sold") != 1 || r.Figure("after", "revision") != r.Figure("before", "revision")+1 {
		t.Errorf("answered %s", r.Raw)
	}
	// At once, before any reconciling: that takes two comparisons at least two seconds apart.
	if n := a.holders(t); n != 1 {
		t.Errorf("%d have a place", n)
	}
	if now := c.Status(); now.Text("status") != "active" || now.Number("sold") != 1 || now.Body["revision"] != r.Body["revision"] {
		t.Errorf("the status says %s", now.Raw)
	}
	again := c.Act(http.MethodPost, cancel, map[string]string{"reason": "another word"})
	second, _ := again.Body["order"].(map[string]any)
	if again.Is(t, http.StatusOK, ""); second["cancelledAt"] != order["cancelledAt"] || second["unit"] != order["unit"] || again.Number("revision") != r.Number("revision") {
		t.Errorf("the second time it is answered %s", again.Raw)
	}
	if got := c.BuySettled("alice_brown_1"); got.Status != http.StatusCreated || got.Body["unit"] != mine.Body["unit"] {
		t.Errorf("the unit is not sold again: %d %s", got.Status, got.Raw)
	}
	unknown := "/api/admin/orders/00000000-0000-8000-8000-000000000000/cancel"
	c.Act(http.MethodPost, unknown, map[string]string{"reason": "x"}).Is(t, http.StatusNotFound, "no-order")
	a.saysOnce(t, "order.cancel", mine.Text("purchaseId"), "paid twice")
	c.Verifies()
}

// saysOnce checks that the audit log has one such act, with these words.
func (a *Instance) saysOnce(t *testing.T, action, subject, words string) {
	t.Helper()
	all, err := a.wiring.audit.Recent(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range all {
		if e.Action != action {
			continue
		}
		n++
		if e.Subject != subject || !strings.Contains(string(e.Detail), words) || e.Actor != "demo" {
			t.Errorf("recorded %+v %s", e, e.Detail)
		}
	}
	if n != 1 {
		t.Errorf("%d acts %s are recorded", n, action)
	}
}

// Orders are cancelled and the sale is amended while shoppers buy. In every order of these acts the invariants hold afterwards.
func TestActsUnderLoadKeepTheInvariants(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	c.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": users.AbleLength(300)}).Is(t, http.StatusOK, "")
	c.Act(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 60}).Is(t, http.StatusOK, "")
	bought := make(chan string, 1000)
	var shoppers, operators sync.WaitGroup
	for from := range 8 {
		shoppers.Go(func() {
			for n := from; n < 280; n += 8 {
				if r := c.Buy(shopperName(n)); r.Status == http.StatusCreated {
					bought <- r.Text("purchaseId")
				}
			}
		})
	}
	cancelled, amended, refused := 0, 0, 0
	operators.Go(func() {
		for id := range bought {
			r := c.Act(http.MethodPost, "/api/admin/orders/"+id+"/cancel", map[string]string{"reason": "under load"})
			switch {
			case r.Status == http.StatusOK && r.Figure("before", "sold") == r.Figure("after", "sold")+1:
				cancelled++
			case r.Text("type") != "/problems/busy":
				t.Errorf("a cancellation is answered %d %s", r.Status, r.Raw)
			}
		}
	})
	over := make(chan struct{})
	operators.Go(func() {
		ends := time.Now().Add(time.Hour)
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			default:
			}
			to := map[string]any{"stock": 60 + n%7, "endTime": ends.Add(time.Duration(n) * time.Second).Format(time.RFC3339)}
			r := c.Act(http.MethodPatch, "/api/admin/sales/flash-sale", to, "If-Match: *")
			switch {
			case r.Status == http.StatusOK && r.Figure("after", "sold") == r.Figure("before", "sold"):
				amended++
			case r.Text("type") == "/problems/busy", r.Text("type") == "/problems/below-sold":
				refused++
			default:
				t.Errorf("a change is answered %d %s", r.Status, r.Raw)
			}
		}
	})
	shoppers.Wait()
	close(over)
	close(bought)
	operators.Wait()
	t.Logf("%d cancelled, %d amended, %d refused", cancelled, amended, refused)
	if cancelled < 10 || amended < 3 {
		t.Errorf("only %d orders were cancelled and %d changes made: that is too little load", cancelled, amended)
	}
	c.Verifies()
}
