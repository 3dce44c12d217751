package app

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/inventory"
)

func (a *App) holders(t *testing.T) int64 {
	t.Helper()
	s, err := a.core.board.Snapshot("")
	if err != nil {
		t.Fatal(err)
	}
	h, err := a.core.places.Count(t.Context(), inventory.Key(s.Key()))
	if err != nil {
		t.Fatal(err)
	}
	return h.Count
}

func TestACancelledOrderMakesRoomForSomebodyElse(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	c.act(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 2}).is(t, http.StatusOK, "")
	mine, other := c.buySettled("john_doe_1"), c.buySettled("jane_smith_1")
	if mine.Status != http.StatusCreated || other.Status != http.StatusCreated {
		t.Fatalf("bought %s, %s", mine.Raw, other.Raw)
	}
	if r := c.buySettled("alice_johnson_1"); r.Status != http.StatusConflict {
		t.Fatalf("sold out, and %d %s", r.Status, r.Raw)
	}
	cancel := "/api/admin/orders/" + mine.text("purchaseId") + "/cancel"
	r := c.act(http.MethodPost, cancel, map[string]string{"reason": "paid twice"})
	r.is(t, http.StatusOK, "")
	order, _ := r.Body["order"].(map[string]any)
	if order["purchaseId"] != mine.text("purchaseId") || order["unit"] != mine.Body["unit"] || order["userId"] != "john_doe_1" ||
		r.figure("before", "sold") != 2 || r.figure("after", "sold") != 1 || r.figure("after", "revision") != r.figure("before", "revision")+1 {
		t.Errorf("answered %s", r.Raw)
	}
	// At once, before any reconciling: that takes two looks at least two seconds apart.
	if n := a.holders(t); n != 1 {
		t.Errorf("%d hold a place", n)
	}
	if now := c.status(); now.text("status") != "active" || now.number("sold") != 1 || now.Body["revision"] != r.Body["revision"] {
		t.Errorf("the status says %s", now.Raw)
	}
	again := c.act(http.MethodPost, cancel, map[string]string{"reason": "another word"})
	second, _ := again.Body["order"].(map[string]any)
	if again.is(t, http.StatusOK, ""); second["cancelledAt"] != order["cancelledAt"] || second["unit"] != order["unit"] || again.number("revision") != r.number("revision") {
		t.Errorf("the second time it is answered %s", again.Raw)
	}
	if got := c.buySettled("alice_johnson_1"); got.Status != http.StatusCreated || got.Body["unit"] != mine.Body["unit"] {
		t.Errorf("the unit is not sold again: %d %s", got.Status, got.Raw)
	}
	unknown := "/api/admin/orders/00000000-0000-8000-8000-000000000000/cancel"
	c.act(http.MethodPost, unknown, map[string]string{"reason": "x"}).is(t, http.StatusNotFound, "no-order")
	a.saysOnce(t, "order.cancel", mine.text("purchaseId"), "paid twice")
	c.verifies()
}

// saysOnce checks that the audit log has one such act, with these words.
func (a *App) saysOnce(t *testing.T, action, subject, words string) {
	t.Helper()
	all, err := a.core.audit.Recent(t.Context(), 100)
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

// Orders are cancelled and the sale is amended while shoppers press. Whatever comes first, the books are right afterwards.
func TestActsUnderLoadKeepTheInvariants(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	c.act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 300}).is(t, http.StatusOK, "")
	c.act(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 60}).is(t, http.StatusOK, "")
	bought := make(chan string, 1000)
	var shoppers, operators sync.WaitGroup
	for from := range 8 {
		shoppers.Go(func() {
			for n := from; n < 280; n += 8 {
				if r := c.buy(shopperName(n)); r.Status == http.StatusCreated {
					bought <- r.text("purchaseId")
				}
			}
		})
	}
	cancelled, amended, refused := 0, 0, 0
	operators.Go(func() {
		for id := range bought {
			r := c.act(http.MethodPost, "/api/admin/orders/"+id+"/cancel", map[string]string{"reason": "under load"})
			switch {
			case r.Status == http.StatusOK && r.figure("before", "sold") == r.figure("after", "sold")+1:
				cancelled++
			case r.text("type") != "/problems/busy":
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
			r := c.act(http.MethodPatch, "/api/admin/sales/flash-sale", to, "If-Match: *")
			switch {
			case r.Status == http.StatusOK && r.figure("after", "sold") == r.figure("before", "sold"):
				amended++
			case r.text("type") == "/problems/busy", r.text("type") == "/problems/below-sold":
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
		t.Errorf("only %d orders were cancelled and %d changes made: that is no load", cancelled, amended)
	}
	c.verifies()
}
