package instance

import (
	"net/http"
	"testing"
	"time"
)

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// The times of a sale are changed on one instance, and the other follows.
func TestASaleFollowsItsNewTimes(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	c, other := newClient(t, d.start(t).URL()), newClient(t, d.start(t).URL())
	now := time.Now()
	r := c.Amend(map[string]any{"startTime": stamp(now.Add(time.Hour)), "endTime": stamp(now.Add(2 * time.Hour)), "stock": 2})
	if r.Is(t, http.StatusOK, ""); r.Text("state") != "scheduled" || r.Text("status") != "upcoming" || r.Number("total") != 2 {
		t.Fatalf("moved ahead: %s", r.Raw)
	}
	if s := c.Status(); s.Text("status") != "upcoming" || s.Body["revision"] != r.Body["revision"] {
		t.Errorf("the instance that answered shows %s", s.Raw)
	}
	c.Buy("john_doe_1").Is(t, http.StatusConflict, "not-started")
	other.Until("upcoming")
	// It opens at its new start, by itself.
	c.Amend(map[string]any{"startTime": stamp(time.Now().Add(300 * time.Millisecond))}).Is(t, http.StatusOK, "")
	c.Until("active")
	other.Until("active")
	bought := other.BuySettled("john_doe_1")
	if bought.Status != http.StatusCreated {
		t.Fatalf("buy: %s", bought.Raw)
	}
	r = c.Amend(map[string]any{"startTime": stamp(now.Add(time.Hour))})
	if r.Is(t, http.StatusConflict, "times-fixed"); field(r) != "startTime" {
		t.Errorf("the field is not named: %s", r.Raw)
	}
	r = c.Amend(map[string]any{"stock": 0, "endTime": stamp(now.Add(4 * time.Hour))})
	if r.Is(t, http.StatusConflict, "below-sold"); field(r) != "stock" {
		t.Errorf("the field is not named: %s", r.Raw)
	}
	r = c.Amend(map[string]any{"endTime": stamp(now.Add(-time.Hour)), "startTime": stamp(now.Add(-2 * time.Hour))})
	if r.Is(t, http.StatusConflict, "times-fixed"); field(r) != "startTime" {
		t.Errorf("the field is not named: %s", r.Raw)
	}
	c.Verifies()
}

func field(r reply) any {
	errors, _ := r.Body["errors"].([]any)
	if len(errors) == 0 {
		return nil
	}
	return errors[0].(map[string]any)["field"]
}

// An ended sale goes on in the same generation when its end is moved: orders stay, and no shopper buys twice.
func TestASaleThatIsOverGoesOn(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	c.Amend(map[string]any{"stock": 1}).Is(t, http.StatusOK, "")
	bought := c.BuySettled("john_doe_1")
	if bought.Status != http.StatusCreated {
		t.Fatalf("buy: %s", bought.Raw)
	}
	c.Amend(map[string]any{"endTime": stamp(time.Now().Add(1300 * time.Millisecond))}).Is(t, http.StatusOK, "")
	c.Until("ended")
	for c.Act(http.MethodGet, "/api/admin/sales/flash-sale", nil).Text("state") != "closed" {
		time.Sleep(5 * time.Millisecond)
	}
	c.Buy("jane_smith_1").Is(t, http.StatusConflict, "ended")
	r := c.Amend(map[string]any{"endTime": stamp(time.Now().Add(time.Hour))})
	if r.Is(t, http.StatusOK, ""); r.Text("state") != "open" || r.Figure("before", "generation") != r.Figure("after", "generation") {
		t.Fatalf("goes on: %s", r.Raw)
	}
	if again := c.BuySettled("john_doe_1"); again.Status != http.StatusOK || again.Text("purchaseId") != bought.Text("purchaseId") {
		t.Errorf("the owner is answered %d %s", again.Status, again.Raw)
	}
	c.BuySettled("jane_smith_1").Is(t, http.StatusConflict, "sold-out")
	c.Amend(map[string]any{"stock": 2}).Is(t, http.StatusOK, "")
	if r := c.BuySettled("jane_smith_1"); r.Status != http.StatusCreated {
		t.Errorf("buy: %d %s", r.Status, r.Raw)
	}
	c.Act(http.MethodPost, "/api/admin/close", nil).Is(t, http.StatusOK, "")
	c.Until("ended")
	r = c.Amend(map[string]any{"endTime": stamp(time.Now().Add(2 * time.Hour))})
	if r.Is(t, http.StatusConflict, "wrong-state"); field(r) != "endTime" {
		t.Errorf("the field is not named: %s", r.Raw)
	}
	c.Verifies()
}
