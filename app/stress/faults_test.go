package stress

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAServerThatFailsForAWhileIsExact(t *testing.T) {
	t.Parallel()
	hangUp := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	tests := map[string]struct {
		failure func(s *shop, w http.ResponseWriter, name string, press int) bool
		seen    func(Result) bool
	}{
		"busy at first": {func(_ *shop, w http.ResponseWriter, _ string, press int) bool {
			if press < 3 {
				w.Header().Set("Retry-After", "0")
				refuse(w, 503, "overloaded")
			}
			return press < 3
		}, func(r Result) bool { return r.Codes["503"] == 80 && r.Retries == 80 && r.Problems["overloaded"] == 80 }},
		"limited": {func(_ *shop, w http.ResponseWriter, _ string, press int) bool {
			if press == 1 {
				refuse(w, 429, "too-many-requests")
			}
			return press == 1
		}, func(r Result) bool { return r.Codes["429"] == 40 }},
		"answers lost after the purchase": {func(s *shop, w http.ResponseWriter, name string, press int) bool {
			if press == 1 {
				s.mu.Lock()
				s.decide(name)
				s.mu.Unlock()
				hangUp(w)
			}
			return press == 1
		}, func(r Result) bool { return r.ConnectionErrors == 40 && r.Codes["200"] == 5 && r.Codes["201"] == 0 }},
		"everything pending": {func(s *shop, w http.ResponseWriter, name string, press int) bool {
			if press > 1 {
				return false
			}
			s.mu.Lock()
			s.claims["c-"+name] = name
			s.mu.Unlock()
			w.Header().Set("Location", "http://elsewhere.example/api/flash-sale/claims/c-"+name+"?at=1")
			say(w, 202, map[string]any{"pending": true})
			return true
		}, func(r Result) bool { return r.Codes["202"] == 40 && r.Pending == 40 && r.Problems["sold-out"] == 35 }},
		"overtaken by a reset": {func(_ *shop, w http.ResponseWriter, _ string, press int) bool {
			if press == 1 {
				refuse(w, 409, "generation-changed")
			}
			return press == 1
		}, func(r Result) bool { return r.Problems["generation-changed"] == 40 }},
		"all claimed for a moment": {func(_ *shop, w http.ResponseWriter, _ string, press int) bool {
			if press == 1 {
				refuse(w, 409, "all-claimed")
			}
			return press == 1
		}, func(r Result) bool { return r.Problems["all-claimed"] == 40 && r.Codes["201"] == 5 }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop()
			s.before = func(w http.ResponseWriter, name string, press int) bool { return tt.failure(s, w, name, press) }
			r := one(t, Config{URL: []string{s.open(t)}, Users: 40, Stock: 5})
			if !r.OK || r.Successful != 5 || !tt.seen(r) {
				t.Fatalf("%+v", r)
			}
		})
	}
}

func TestEveryFaultOfAServerIsReported(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault func(s *shop)
		says  string
	}{
		"oversells": {func(s *shop) {
			s.after = func(name string, code int, said *receipt) int {
				if code != 409 {
					return code
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				*said = receipt{ID: "extra-" + name, Unit: int64(len(s.owners) + 1)}
				s.owners[name] = *said
				return 201
			}
		}, "oversold: 12 receipts"},
		"sells one too many and does not show it in the status": {func(s *shop) {
			var once atomic.Bool
			s.after = func(name string, code int, said *receipt) int {
				if code == 409 && once.CompareAndSwap(false, true) {
					*said = receipt{ID: "extra-" + name, Unit: 6}
					return 201
				}
				return code
			}
		}, "lost: shoppers have 6 receipts, but only 5 units are sold"},
		"sells the same unit twice": {func(s *shop) {
			s.after = func(_ string, code int, said *receipt) int {
				said.Unit = min(said.Unit, 4)
				return code
			}
		}, "doubled: unit 4 was sold to"},
		"gives two shoppers the same receipt": {func(s *shop) {
			s.after = func(_ string, code int, said *receipt) int {
				if said.Unit == 5 {
					s.mu.Lock()
					defer s.mu.Unlock()
					for _, bought := range s.owners {
						if bought.Unit == 4 {
							*said = bought
						}
					}
				}
				return code
			}
		}, "doubled: receipt"},
		"sells to a shopper again": {func(s *shop) {
			s.after = func(_ string, code int, said *receipt) int {
				if code == 200 {
					said.ID += "-again"
					return 201
				}
				return code
			}
		}, "bought once more"},
		"loses an order": {func(s *shop) {
			s.after = func(name string, code int, said *receipt) int {
				if code == 201 && said.Unit == 3 {
					s.mu.Lock()
					defer s.mu.Unlock()
					delete(s.owners, name)
					s.owners["nobody"] = receipt{ID: "phantom", Unit: 3}
				}
				return code
			}
		}, "lost: "},
		"changes a receipt": {func(s *shop) {
			s.after = func(_ string, code int, said *receipt) int {
				if code == 200 {
					said.ID += "-new"
				}
				return code
			}
		}, "changed: the receipt of"},
		"changes a unit": {func(s *shop) {
			s.after = func(_ string, code int, said *receipt) int {
				if code == 200 {
					said.Unit += 100
				}
				return code
			}
		}, "changed: the receipt of"},
		"says more is sold": {func(s *shop) { s.sold = func(n int) int { return n + n/5 } },
			"lost: 6 units are sold, but shoppers have only 5 receipts"},
		"stops before all is sold": {func(s *shop) {
			s.before = func(w http.ResponseWriter, _ string, _ int) bool {
				s.mu.Lock()
				stop := len(s.owners) == 4
				s.mu.Unlock()
				if stop {
					refuse(w, 409, "sold-out")
				}
				return stop
			}
		}, "unexpected: 4 of 12 shoppers have a receipt, 5 should"},
		"calls a first press a repeat": {func(s *shop) {
			s.after = func(_ string, code int, _ *receipt) int {
				if code == 201 {
					return 200
				}
				return code
			}
		}, "was answered as a repeat"},
		"buys without a receipt": {func(s *shop) {
			s.after = func(_ string, code int, said *receipt) int {
				*said = receipt{}
				return code
			}
		}, "without a purchaseId"},
		"fails": {func(s *shop) {
			s.before = func(w http.ResponseWriter, _ string, press int) bool {
				if press == 1 {
					refuse(w, 500, "internal")
				}
				return press == 1
			}
		}, "a purchase answered 500"},
		"knows of a broken invariant": {func(s *shop) {
			s.verify = []Check{{ID: "I2", Title: "one each", State: "broken", Detail: "user 7 has 2"}, {ID: "I5", State: "unknown"}}
		}, "verify: I2 one each: user 7 has 2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, legacy := range []bool{false, true} {
				s := newShop()
				s.legacy = legacy
				tt.fault(s)
				r := one(t, Config{URL: []string{s.open(t)}, Users: 12, Stock: 5, Patience: time.Second})
				if r.OK || !strings.Contains(strings.Join(r.Faults, "\n"), tt.says) {
					t.Errorf("legacy statuses %v: OK=%v, faults %q, want %q", legacy, r.OK, r.Faults, tt.says)
				}
			}
		})
	}
}

func TestSwitchingCatchesAPurchaseLostWithItsGeneration(t *testing.T) {
	t.Parallel()
	s := newShop()
	s.after = func(_ string, code int, said *receipt) int {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.orders, said.ID) // the receipt is good until the next preset
		return code
	}
	if r := one(t, Config{URL: []string{s.open(t)}, Scenario: "switching"}); r.OK || !strings.Contains(strings.Join(r.Faults, "\n"), "lost: receipt") {
		t.Fatalf("%+v", r.Faults)
	}
}
