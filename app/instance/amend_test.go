package instance

import (
	"bufio"
	"net/http"
	"strings"
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

// An operator's message is on the pages of every instance at once, as plain text, and in the status; so is when the last unit went.
func TestShoppersReadWhyAndWhen(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	c, other := newClient(t, d.start(t).URL()), newClient(t, d.start(t).URL())
	frames := followFrames(t, other.Base+"/live")
	const message = `We go on at 14:00 <script>alert("1")</script> & not later`
	asked := time.Now()
	c.Amend(map[string]any{"message": "  " + message + " "}).Is(t, http.StatusOK, "")
	frame := frames("We go on at 14:00")
	t.Logf("after %v", time.Since(asked).Round(time.Millisecond))
	if strings.Contains(frame, "<script") || !strings.Contains(frame, "&lt;script&gt;") {
		t.Errorf("the message is not plain text: %s", frame)
	}
	for _, one := range []*client{c, other} {
		if s := one.Status(); s.Text("message") != message || s.Text("soldOutAt") != "" {
			t.Errorf("the status is %s", s.Raw)
		}
	}
	if page := c.Call(http.MethodGet, "/api/admin/sales/flash-sale", nil); page.Text("message") != message {
		t.Errorf("the operator sees %s", page.Raw)
	}
	for _, wrong := range []string{strings.Repeat("ä", 201), "two\nlines"} {
		r := c.Amend(map[string]any{"message": wrong})
		if r.Is(t, http.StatusUnprocessableEntity, "invalid-request"); field(r) != "message" {
			t.Errorf("the field is not named: %s", r.Raw)
		}
	}
	c.Amend(map[string]any{"message": "", "stock": 1}).Is(t, http.StatusOK, "")
	if s := c.Status(); s.Body["message"] != nil {
		t.Errorf("it was taken away: %s", s.Raw)
	}
	if r := c.BuySettled("john_doe_1"); r.Status != http.StatusCreated {
		t.Fatalf("buy: %s", r.Raw)
	}
	frame = frames(">Sold out <time")
	s := other.Status()
	at, err := time.Parse(time.RFC3339, s.Text("soldOutAt"))
	if err != nil || !strings.Contains(frame, `datetime="`+s.Text("soldOutAt")+`"`) || !strings.Contains(frame, "after ") {
		t.Errorf("%s, and the page says %s", s.Raw, frame)
	}
	if serverTime, _ := time.Parse(time.RFC3339, s.Text("serverTime")); at.After(serverTime) || s.Number("soldOutAfter") <= 0 {
		t.Errorf("it sold out at an impossible moment: %s", s.Raw)
	}
	c.Amend(map[string]any{"stock": 2}).Is(t, http.StatusOK, "")
	frames(`data-status="active"`)
	if s := c.Status(); s.Body["soldOutAt"] != nil {
		t.Errorf("with a unit left it sold out: %s", s.Raw)
	}
	c.Verifies()
}

// followFrames reads a stream; its function waits for the next frame that has the words.
func followFrames(t *testing.T, address string) func(words string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	return func(words string) string {
		t.Helper()
		end := time.AfterFunc(30*time.Second, func() { _ = res.Body.Close() })
		defer end.Stop()
		for lines.Scan() {
			if frame, ok := strings.CutPrefix(lines.Text(), "data: "); ok && strings.Contains(frame, words) {
				return frame
			}
		}
		t.Fatalf("no frame with %q: %v", words, lines.Err())
		return ""
	}
}
