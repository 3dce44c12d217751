package stress

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// shop is a small, correct flash sale in memory. A test switches one fault on and expects to find it in the report.
type shop struct {
	mu         sync.Mutex
	stock      int
	generation int64
	owners     map[string]receipt // of the current generation
	orders     map[string]receipt // of all generations, by id
	claims     map[string]string  // pending claims: who will own them when looked at
	seeded     int
	peak, busy int // requests at once

	// The faults. Each may be nil.
	before func(w http.ResponseWriter, name string, press int) bool // true: answered
	after  func(name string, code int, said *receipt) int           // changes an answer
	sold   func(int) int
	verify []Check
	guard  bool
	legacy bool // statuses are those of the original
	stuck  bool // live updates show the beginning for ever
	cut    bool // live updates end after the first

	presses map[string]int
}

func newShop() *shop {
	return &shop{
		stock: 5, generation: 1, owners: map[string]receipt{}, orders: map[string]receipt{}, claims: map[string]string{},
		presses: map[string]int{}, verify: []Check{{ID: "I1", Title: "taken = live orders", State: "ok"}},
	}
}

func (s *shop) open(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "OK") })
	mux.HandleFunc("GET /api/flash-sale/status", s.status)
	mux.HandleFunc("POST /api/flash-sale/purchase", s.purchase)
	mux.HandleFunc("GET /api/flash-sale/purchase/{name}", s.check)
	mux.HandleFunc("GET /api/flash-sale/claims/{id}", s.claim)
	mux.HandleFunc("GET "+streamPath, s.stream)
	mux.HandleFunc("POST /api/", s.operate)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func say(w http.ResponseWriter, code int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(document)
}

func refuse(w http.ResponseWriter, code int, kind string) {
	say(w, code, map[string]any{"success": false, "type": "/problems/" + kind, "message": kind})
}

func (s *shop) status(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken, state := len(s.owners), "active"
	if s.sold != nil {
		taken = s.sold(taken)
	}
	if taken >= s.stock {
		state = "sold-out"
	}
	say(w, 200, status{Status: state, CurrentStock: s.stock - taken, MaxStock: s.stock, Sold: taken, Generation: s.generation, Version: s.version()})
}

// version is called with the lock bought.
func (s *shop) version() int64 { return s.generation*1_000_000 + int64(len(s.owners)) }

func (s *shop) stream(w http.ResponseWriter, q *http.Request) {
	for shown := int64(0); q.Context().Err() == nil; {
		s.mu.Lock()
		now := s.version()
		s.mu.Unlock()
		if now != shown && (shown == 0 || !s.stuck) {
			shown = now
			fmt.Fprintf(w, "id: %d\nevent: status\ndata: {}\n\n", now)
			w.(http.Flusher).Flush()
		}
		if s.cut {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-q.Context().Done():
		}
	}
}

func (s *shop) purchase(w http.ResponseWriter, q *http.Request) {
	var asked struct{ Username string }
	if err := json.NewDecoder(q.Body).Decode(&asked); err != nil {
		refuse(w, 422, "invalid-request")
		return
	}
	s.mu.Lock()
	s.busy++
	s.peak = max(s.peak, s.busy)
	s.presses[asked.Username]++
	press := s.presses[asked.Username]
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.busy--
		s.mu.Unlock()
	}()
	if s.before != nil && s.before(w, asked.Username, press) {
		return
	}
	s.mu.Lock()
	code, said := s.decide(asked.Username)
	s.mu.Unlock()
	if s.after != nil {
		code = s.after(asked.Username, code, &said)
	}
	status := code
	if s.legacy {
		status = 201
	}
	if code == 409 {
		refuse(w, status, "sold-out")
		return
	}
	say(w, status, pressed{receipt: said, Success: code == 201})
}

// decide is called with the lock bought.
func (s *shop) decide(name string) (int, receipt) {
	if bought, ok := s.owners[name]; ok {
		return 200, bought
	}
	if len(s.owners) >= s.stock {
		return 409, receipt{}
	}
	bought := receipt{ID: fmt.Sprintf("g%d-%s", s.generation, name), Unit: int64(len(s.owners) + 1)}
	s.owners[name], s.orders[bought.ID] = bought, bought
	return 201, bought
}

func (s *shop) check(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bought, ok := s.owners[q.PathValue("name")]
	say(w, 200, map[string]any{"hasPurchased": ok, "purchaseId": bought.ID, "unit": bought.Unit})
}

func (s *shop) claim(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := q.PathValue("id")
	if name, ok := s.claims[id]; ok {
		switch code, bought := s.decide(name); code {
		case 409:
			say(w, 200, map[string]any{"state": "declined", "type": "/problems/sold-out"})
		default:
			say(w, 200, map[string]any{"state": "ordered", "purchaseId": bought.ID, "unit": bought.Unit})
		}
		return
	}
	if bought, ok := s.orders[id]; ok {
		say(w, 200, map[string]any{"state": "ordered", "purchaseId": bought.ID, "unit": bought.Unit})
		return
	}
	refuse(w, 404, "no-claim")
}

func (s *shop) operate(w http.ResponseWriter, q *http.Request) {
	if s.guard {
		refuse(w, 401, "sign-in")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var asked struct{ UserCount, StockAmount int }
	if q.ContentLength != 0 {
		_ = json.NewDecoder(q.Body).Decode(&asked)
	}
	preset, isPreset := strings.CutPrefix(q.URL.Path, "/api/flash-sale/stock-preset/")
	switch {
	case isPreset:
		s.renew(map[string]int{"small": 5, "medium": 100, "large": 1000, "extreme": 10_000}[preset])
	case q.URL.Path == "/api/flash-sale/reset":
		s.renew(5)
	case q.URL.Path == "/api/flash-sale/update-stock":
		s.stock = asked.StockAmount
	case q.URL.Path == "/api/users/seed":
		s.seeded = max(s.seeded, asked.UserCount)
	case q.URL.Path == "/api/admin/verify":
		say(w, 200, map[string]any{"ok": true, "checks": s.verify})
		return
	}
	say(w, 200, map[string]any{"success": true, "generation": s.generation})
}

func (s *shop) renew(stock int) {
	s.stock, s.owners, s.generation = stock, map[string]receipt{}, s.generation+1
}
