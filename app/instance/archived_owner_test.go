package instance

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// archivedShoppers are an owner and somebody who owns nothing, whose accounts are archived, seen from two instances.
type archivedShoppers struct {
	t       *testing.T
	clients []*client
	bought  reply
}

const (
	archivedOwner = "john_doe_1"
	archivedOther = "jane_smith_1"
)

// ask sends a form, or asks for a page, as the page's script does, and gives what is shown.
func (s *archivedShoppers) ask(c *client, method, path string, form url.Values) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, c.Base+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("HX-Request", "true")
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(raw)
}

// said fails the test unless, in a state of the sale, the owner hears of the order everywhere, under the name and the address, and who
// owns nothing hears what an unknown name hears.
func (s *archivedShoppers) said(state, refusal string) {
	s.t.Helper()
	for n, c := range s.clients {
		for _, name := range []string{archivedOwner, archivedOwner + "@example.com"} {
			s.owns(n, state, c, name)
		}
		for _, name := range []string{archivedOther, "nobody_at_all"} {
			s.isUnknown(n, state, refusal, c, name)
		}
	}
}

func (s *archivedShoppers) owns(n int, state string, c *client, name string) {
	s.t.Helper()
	r := c.Buy(name)
	if r.Status != http.StatusOK || r.Text("userId") != archivedOwner || r.Body["success"] != false {
		s.t.Errorf("instance %d, %s: %s buys: %d %s", n, state, name, r.Status, r.Raw)
	}
	if r.Text("purchaseId") != s.bought.Text("purchaseId") || r.Text("timestamp") != s.bought.Text("timestamp") {
		s.t.Errorf("instance %d, %s: the receipt of %s is %s, was %s", n, state, name, r.Raw, s.bought.Raw)
	}
	check := c.Call(http.MethodGet, "/api/flash-sale/purchase/"+name, nil)
	if check.Body["hasPurchased"] != true || check.Number("unit") != s.bought.Number("unit") {
		s.t.Errorf("instance %d, %s: what %s owns: %d %s", n, state, name, check.Status, check.Raw)
	}
	pressed := s.ask(c, http.MethodPost, "/api/flash-sale/purchase", url.Values{"username": {name}})
	if !strings.Contains(pressed, "already purchased") || !strings.Contains(pressed, s.bought.Text("purchaseId")) {
		s.t.Errorf("instance %d, %s: the page after the press of %s: %s", n, state, name, pressed)
	}
	shown := s.ask(c, http.MethodGet, "/api/flash-sale/purchase/"+name, nil)
	if !strings.Contains(shown, "You have already purchased this item!") || !strings.Contains(shown, s.bought.Text("purchaseId")) {
		s.t.Errorf("instance %d, %s: the check of %s shows: %s", n, state, name, shown)
	}
}

func (s *archivedShoppers) isUnknown(n int, state, refusal string, c *client, name string) {
	s.t.Helper()
	r := c.Buy(name)
	if refusal == "" && (r.Status != http.StatusNotFound || r.Text("message") != "User not found") ||
		refusal != "" && (r.Status != http.StatusConflict || r.Text("type") != "/problems/"+refusal) {
		s.t.Errorf("instance %d, %s: %s buys: %d %s", n, state, name, r.Status, r.Raw)
	}
	if check := c.Call(http.MethodGet, "/api/flash-sale/purchase/"+name, nil); check.Body["hasPurchased"] != false {
		s.t.Errorf("instance %d, %s: what %s owns: %d %s", n, state, name, check.Status, check.Raw)
	}
	if shown := s.ask(c, http.MethodGet, "/api/flash-sale/purchase/"+name, nil); !strings.Contains(shown, "There is no such account") {
		s.t.Errorf("instance %d, %s: the check of %s shows: %s", n, state, name, shown)
	}
}

// An account that is archived is not seen any more, but its order is: its owner hears of it in every state of the sale, from every
// instance, also from one that has started since.
func TestAnArchivedOwnerHearsOfTheOrder(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	first, second := d.start(t), d.start(t)
	here, there := newClient(t, first.URL()), newClient(t, second.URL())
	s := &archivedShoppers{t: t, clients: []*client{here, there}}
	s.bought = here.BuySettled(archivedOwner)
	owner, err := first.wiring.users.WithName(t.Context(), archivedOwner)
	if err != nil {
		t.Fatal(err)
	}
	here.Call(http.MethodDelete, "/api/users/reset", nil).Is(t, http.StatusOK, "")
	eventually(t, "both to know that the accounts are archived", func() bool {
		return first.wiring.directory.Gone(owner.ID) && second.wiring.directory.Gone(owner.ID)
	})
	s.said("active", "")

	here.Call(http.MethodPost, "/api/admin/pause", nil)
	s.until("paused")
	s.said("paused", "paused")
	late := d.start(t)
	s.clients = append(s.clients, newClient(t, late.URL()))
	s.said("paused, and an instance has just started", "paused")
	here.Call(http.MethodPost, "/api/admin/resume", nil)
	s.until("active")
	s.said("active again", "")

	here.Call(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 1}).Is(t, http.StatusOK, "")
	s.until("sold-out")
	s.said("sold out", "sold-out")
	here.Call(http.MethodPost, "/api/admin/close", nil)
	s.until("ended")
	s.said("ended", "ended")
	here.Verifies()
}

func (s *archivedShoppers) until(status string) {
	s.t.Helper()
	for _, c := range s.clients {
		c.Until(status)
	}
}
