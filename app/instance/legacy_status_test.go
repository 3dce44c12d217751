package instance

import (
	"net/http"
	"testing"
	"time"

	"flashsale/users"
)

// originalScript sends the requests of the original's end-to-end scripts as they do: an answer whose status is not the one
// that the original gave ends the script, and a purchase is counted by `success` in the body.
type originalScript struct{ *client }

// ok is a request that must be answered 200.
func (s originalScript) ok(method, path string, body any) reply {
	s.T.Helper()
	r := s.Call(method, path, body)
	if r.Status != http.StatusOK {
		s.T.Fatalf("%s %s: %d %s", method, path, r.Status, r.Raw)
	}
	return r
}

// purchase is a press, which must be answered 201 whatever came of it. What is not decided yet is asked again, as it may be
// on a machine that is busy.
func (s originalScript) purchase(name string) reply {
	s.T.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r := s.Buy(name)
		if undecided := r.Status == http.StatusAccepted || r.Status == http.StatusServiceUnavailable; undecided && time.Now().Before(deadline) {
			continue
		}
		if r.Status != http.StatusCreated {
			s.T.Errorf("a purchase of %s is answered %d %s", name, r.Status, r.Raw)
		}
		return r
	}
}

// purchases are presses of the first n shoppers who may purchase, all at once; it returns how many were told success.
func (s originalScript) purchases(n int) (won int) {
	s.T.Helper()
	for _, r := range allAtOnce(s.T, n, func(i int) reply { return s.purchase(users.AbleName(i + 1)) }) {
		if r.Body["success"] == true && r.Text("purchaseId") != "" {
			won++
		}
	}
	return won
}

func (s originalScript) preset(name string, stock float64) {
	s.T.Helper()
	if r := s.ok(http.MethodPost, "/api/flash-sale/stock-preset/"+name, nil); r.Body["success"] != true || r.Number("stockAmount") != stock {
		s.T.Errorf("preset %s: %s", name, r.Raw)
	}
	s.left(stock)
}

func (s originalScript) reset() {
	s.T.Helper()
	s.ok(http.MethodPost, "/api/flash-sale/reset", map[string]bool{"resetToSmallStock": true})
	s.left(5)
}

func (s originalScript) left(n float64) {
	s.T.Helper()
	if r := s.ok(http.MethodGet, "/api/flash-sale/status", nil); r.Number("currentStock") != n {
		s.T.Errorf("%v units are left, want %v", r.Number("currentStock"), n)
	}
}

// crowd sells a stock to n shoppers at once, of whom so many get a unit.
func (s originalScript) crowd(n, want int, left float64) {
	s.T.Helper()
	if won := s.purchases(n); won != want {
		s.T.Errorf("%d of %d shoppers were told success, want %d", won, n, want)
	}
	s.left(left)
}

// The twelve tests of the original's scripts, by what its readme documents.
func TestTheOriginalsScriptsPassWithLegacyStatus(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.LegacyStatus = true
	url := d.start(t).URL()
	s := originalScript{newClient(t, url)}
	s.ok(http.MethodPost, "/api/users/seed", map[string]int{"userCount": users.AbleLength(1000)})
	for _, test := range []struct {
		name string
		run  func(s originalScript)
	}{
		{"a reset restores the stock", func(s originalScript) { s.purchase("john_doe_1"); s.reset() }},
		{"a purchase succeeds", func(s originalScript) {
			s.reset()
			if r := s.purchase("john_doe_1"); r.Body["success"] != true || r.Text("message") != "Purchase successful!" {
				s.T.Errorf("%s", r.Raw)
			}
			s.left(4)
		}},
		{"a second purchase is refused", func(s originalScript) {
			s.reset()
			first, again := s.purchase("john_doe_1"), s.purchase("john_doe_1")
			if again.Body["success"] != false || again.Text("purchaseId") != first.Text("purchaseId") {
				s.T.Errorf("%s", again.Raw)
			}
			s.left(4)
		}},
		{"the stock runs out", func(s originalScript) {
			s.reset()
			s.crowd(5, 5, 0)
			if r := s.purchase("helen_anderson"); r.Body["success"] != false || r.Text("message") == "" || r.Text("purchaseId") != "" {
				s.T.Errorf("%s", r.Raw)
			}
		}},
		{"who may not purchase, and who is unknown, is told so", func(s originalScript) {
			s.reset()
			for name, message := range map[string]string{"bob_wilson_1": "User is not authorized to make purchases", "nobody": "User not found"} {
				if r := s.purchase(name); r.Body["success"] != false || r.Text("message") != message {
					s.T.Errorf("%s: %s", name, r.Raw)
				}
			}
			s.left(5)
		}},
		{"100 users for 5", func(s originalScript) { s.reset(); s.crowd(100, 5, 0) }},
		{"1,000 users for 5", func(s originalScript) { s.reset(); s.crowd(1000, 5, 0) }},
		{"a burst of 10 for 5", func(s originalScript) { s.reset(); s.crowd(10, 5, 0) }},
		{"preset small", func(s originalScript) { s.preset("small", 5); s.crowd(3, 3, 2) }},
		{"preset medium", func(s originalScript) { s.preset("medium", 100); s.crowd(80, 80, 20) }},
		{"preset large", func(s originalScript) { s.preset("large", 1000); s.crowd(200, 200, 800) }},
		{"switching presets", func(s originalScript) {
			for _, p := range []struct {
				name  string
				stock float64
			}{{"small", 5}, {"medium", 100}, {"large", 1000}, {"extreme", 10_000}, {"small", 5}} {
				s.preset(p.name, p.stock)
				s.crowd(1, 1, p.stock-1)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(originalScript{newClient(t, url)}) })
	}
	s.Verifies()
}
