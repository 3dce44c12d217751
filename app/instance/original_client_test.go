package instance

import (
	"net/http"
	"testing"

	"flashsale/users"
)

// TestClientOfTheOriginalWorksWithItsFields sends the requests of a client of the replaced system, in their usual order.
func TestClientOfTheOriginalWorksWithItsFields(t *testing.T) {
	t.Parallel()
	c := newClient(t, startProduct(t))
	preset := c.Call(http.MethodPost, "/api/flash-sale/stock-preset/small", nil)
	if preset.Status != http.StatusOK || preset.Number("stockAmount") != 5 || preset.Number("userCount") != 15 || preset.Text("preset") != "small" {
		t.Fatalf("preset: %d %s", preset.Status, preset.Raw)
	}
	if seeded := c.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 30}); seeded.Status != http.StatusOK || seeded.Number("usersCreated") != 9 {
		t.Errorf("seed: %d %s", seeded.Status, seeded.Raw)
	}
	list := c.Call(http.MethodGet, "/api/users?page=1&limit=5", nil)
	people, _ := list.Body["users"].([]any)
	pages, _ := list.Body["pagination"].(map[string]any)
	if len(people) != 5 || pages["page"] != 1.0 || pages["limit"] != 5.0 {
		t.Fatalf("list: %s", list.Raw)
	}
	bought := c.Call(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"userIdentifier": "john_doe_1@example.com"})
	if bought.Status != http.StatusCreated || bought.Body["success"] != true || bought.Text("userId") != "john_doe_1" {
		t.Fatalf("buy with an address: %d %s", bought.Status, bought.Raw)
	}
	repeat := c.Call(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"userId": "john_doe_1"})
	if repeat.Status != http.StatusOK || repeat.Body["success"] != false || repeat.Text("purchaseId") != bought.Text("purchaseId") {
		t.Errorf("repeat: %d %s", repeat.Status, repeat.Raw)
	}
	check := c.Call(http.MethodGet, "/api/flash-sale/purchase/john_doe_1", nil)
	if check.Body["hasPurchased"] != true || check.Text("purchaseId") != bought.Text("purchaseId") {
		t.Errorf("check: %s", check.Raw)
	}
	if barred := c.Buy("bob_wilson"); barred.Status != http.StatusForbidden || barred.Text("message") != "User is not authorized to make purchases" {
		t.Errorf("a shopper who may not purchase: %d %s", barred.Status, barred.Raw)
	}
	if unknown := c.Buy("nobody_here"); unknown.Status != http.StatusNotFound || unknown.Text("message") != "User not found" {
		t.Errorf("an unknown shopper: %d %s", unknown.Status, unknown.Raw)
	}
	reset := c.Call(http.MethodPost, "/api/flash-sale/reset", map[string]bool{"resetToSmallStock": true})
	if reset.Status != http.StatusOK || reset.Number("generation") != preset.Number("generation")+1 {
		t.Errorf("reset: %d %s", reset.Status, reset.Raw)
	}
	if s := c.Status(); s.Number("currentStock") != 5 || s.Number("sold") != 0 || s.Text("status") != "active" {
		t.Errorf("the status after the reset: %s", s.Raw)
	}
	if after := c.Call(http.MethodGet, "/api/flash-sale/purchase/john_doe_1", nil); after.Body["hasPurchased"] != false {
		t.Errorf("the check after the reset: %s", after.Raw)
	}
	c.Verifies()
}

// TestResetUnderLoadDeclinesWhatCameTooLate begins new generations while shoppers buy: nobody gets a unit of a generation that
// has ended, and each generation sells exactly what it has.
func TestResetUnderLoadDeclinesWhatCameTooLate(t *testing.T) {
	t.Parallel()
	c := newClient(t, startProduct(t))
	c.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": users.AbleLength(300)})
	done := make(chan []reply, 1)
	go func() { done <- allAtOnce(t, 300, func(i int) reply { return c.BuySettled(shopperName(i)) }) }()
	for range 4 {
		if r := c.Call(http.MethodPost, "/api/flash-sale/reset", nil); r.Status != http.StatusOK && r.Status != http.StatusConflict {
			t.Errorf("reset: %d %s", r.Status, r.Raw)
		}
	}
	for _, a := range <-done {
		switch {
		case a.Status == http.StatusCreated, a.Status == http.StatusOK:
		case a.Status == http.StatusConflict && (a.Text("type") == "/problems/sold-out" || a.Text("type") == "/problems/all-claimed" || a.Text("type") == "/problems/generation-changed"):
		default:
			t.Errorf("an answer that no reset explains: %d %s", a.Status, a.Raw)
		}
	}
	c.Verifies()
}
