package app

import (
	"net/http"
	"testing"
	"time"
)

// until waits for the status to say so; only a failure takes long.
func (c *client) until(status string) reply {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r := c.status()
		if r.text("status") == status {
			return r
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the status never says %s: %s", status, r.Raw)
		}
	}
}

func (c *client) amend(to map[string]any) reply {
	c.t.Helper()
	return c.act(http.MethodPatch, "/api/admin/sales/flash-sale", to, "If-Match: *")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// A sale goes through new hours on one instance, and the other follows.
func TestASaleFollowsItsNewTimes(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	c, other := newClient(t, d.start(t).URL()), newClient(t, d.start(t).URL())
	now := time.Now()
	r := c.amend(map[string]any{"startTime": stamp(now.Add(time.Hour)), "endTime": stamp(now.Add(2 * time.Hour)), "stock": 2})
	if r.is(t, http.StatusOK, ""); r.text("state") != "scheduled" || r.text("status") != "upcoming" || r.number("total") != 2 {
		t.Fatalf("moved ahead: %s", r.Raw)
	}
	if s := c.status(); s.text("status") != "upcoming" || s.Body["revision"] != r.Body["revision"] {
		t.Errorf("the instance that answered shows %s", s.Raw)
	}
	c.buy("john_doe_1").is(t, http.StatusConflict, "not-started")
	other.until("upcoming")
	// It opens at its new start, by itself.
	c.amend(map[string]any{"startTime": stamp(time.Now().Add(300 * time.Millisecond))}).is(t, http.StatusOK, "")
	c.until("active")
	other.until("active")
	bought := other.buySettled("john_doe_1")
	if bought.Status != http.StatusCreated {
		t.Fatalf("buy: %s", bought.Raw)
	}
	r = c.amend(map[string]any{"startTime": stamp(now.Add(time.Hour))})
	if r.is(t, http.StatusConflict, "times-fixed"); field(r) != "startTime" {
		t.Errorf("the field is not named: %s", r.Raw)
	}
	r = c.amend(map[string]any{"stock": 0, "endTime": stamp(now.Add(4 * time.Hour))})
	if r.is(t, http.StatusConflict, "below-sold"); field(r) != "stock" {
		t.Errorf("the field is not named: %s", r.Raw)
	}
	r = c.amend(map[string]any{"endTime": stamp(now.Add(-time.Hour)), "startTime": stamp(now.Add(-2 * time.Hour))})
	if r.is(t, http.StatusConflict, "times-fixed"); field(r) != "startTime" {
		t.Errorf("the field is not named: %s", r.Raw)
	}
	c.verifies()
}

func field(r reply) any {
	errors, _ := r.Body["errors"].([]any)
	if len(errors) == 0 {
		return nil
	}
	return errors[0].(map[string]any)["field"]
}

// A sale that its time has ended goes on in the same generation: who bought has bought, and nobody buys twice.
func TestASaleThatIsOverGoesOn(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	c.amend(map[string]any{"stock": 1}).is(t, http.StatusOK, "")
	bought := c.buySettled("john_doe_1")
	if bought.Status != http.StatusCreated {
		t.Fatalf("buy: %s", bought.Raw)
	}
	c.amend(map[string]any{"endTime": stamp(time.Now().Add(1300 * time.Millisecond))}).is(t, http.StatusOK, "")
	c.until("ended")
	for c.act(http.MethodGet, "/api/admin/sales/flash-sale", nil).text("state") != "closed" {
		time.Sleep(5 * time.Millisecond)
	}
	c.buy("jane_smith_1").is(t, http.StatusConflict, "ended")
	r := c.amend(map[string]any{"endTime": stamp(time.Now().Add(time.Hour))})
	if r.is(t, http.StatusOK, ""); r.text("state") != "open" || r.figure("before", "generation") != r.figure("after", "generation") {
		t.Fatalf("goes on: %s", r.Raw)
	}
	if again := c.buySettled("john_doe_1"); again.Status != http.StatusOK || again.text("purchaseId") != bought.text("purchaseId") {
		t.Errorf("the owner is answered %d %s", again.Status, again.Raw)
	}
	c.buySettled("jane_smith_1").is(t, http.StatusConflict, "sold-out")
	c.amend(map[string]any{"stock": 2}).is(t, http.StatusOK, "")
	if r := c.buySettled("jane_smith_1"); r.Status != http.StatusCreated {
		t.Errorf("buy: %d %s", r.Status, r.Raw)
	}
	c.act(http.MethodPost, "/api/admin/close", nil).is(t, http.StatusOK, "")
	c.until("ended")
	r = c.amend(map[string]any{"endTime": stamp(time.Now().Add(2 * time.Hour))})
	if r.is(t, http.StatusConflict, "wrong-state"); field(r) != "endTime" {
		t.Errorf("the field is not named: %s", r.Raw)
	}
	c.verifies()
}
