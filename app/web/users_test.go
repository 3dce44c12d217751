package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"flashsale/sale"
	"flashsale/users"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.users.page = users.Page{Total: 41, Accounts: []users.Account{
		{ID: 7, Username: "alice", Email: "alice@example.com", MayPurchase: true, CreatedAt: noon, UpdatedAt: noon.Add(time.Second)},
		{ID: 8, Username: "bob_wilson", Email: "bob_wilson@example.com", CreatedAt: noon, UpdatedAt: noon},
	}}
	w.checkout.receipts["alice"] = receipt("alice")
	res := w.send(t, "GET", "/api/users?page=2&limit=20", "")
	p, _ := res.json["pagination"].(map[string]any)
	for field, want := range map[string]float64{"page": 2, "limit": 20, "total": 41, "totalPages": 3} {
		if p[field] != want {
			t.Errorf("%s: %v, want %v", field, p[field], want)
		}
	}
	list, _ := res.json["users"].([]any)
	if len(list) != 2 {
		t.Fatalf("%s", res.raw)
	}
	reply{raw: res.raw, json: list[0].(map[string]any)}.has(t, map[string]any{
		"id": 7, "username": "alice", "email": "alice@example.com", "canPurchase": true, "hasPurchased": true,
		"purchaseId": orderA, "createdAt": at12, "updatedAt": "2026-01-01T12:00:01.000Z"})
	reply{raw: res.raw, json: list[1].(map[string]any)}.has(t, map[string]any{"canPurchase": false, "hasPurchased": false, "purchaseId": nil})
	if w.users.asked != [2]int{2, 20} {
		t.Errorf("asked for %v", w.users.asked)
	}
	w.send(t, "GET", "/api/users", "")
	if w.users.asked != [2]int{1, 20} {
		t.Errorf("by default asks for %v", w.users.asked)
	}
	if res := w.send(t, "GET", "/api/users?limit=1000", ""); res.StatusCode != http.StatusOK {
		t.Errorf("limit 1000: %d", res.StatusCode)
	}
	w.checkout.err = sale.ErrNoSale
	if res := w.send(t, "GET", "/api/users", ""); res.StatusCode != http.StatusOK {
		t.Errorf("without a sale: %d", res.StatusCode)
	}
	for query, field := range map[string]string{
		"page=0": "page", "page=-1": "page", "page=x": "page", "page=": "page", "page=1.5": "page", "page=99999999999999999999": "page", "page=1&page=2": "page",
		"limit=0": "limit", "limit=1001": "limit", "limit=all": "limit",
	} {
		res := w.send(t, "GET", "/api/users?"+query, "")
		res.problem(t, 422, "invalid-request")
		if firstField(res) != field {
			t.Errorf("%s names %s", query, firstField(res))
		}
	}
}

func TestAnEmptyListIsAList(t *testing.T) {
	t.Parallel()
	res := newWorld(t).send(t, "GET", "/api/users", "")
	if !strings.HasPrefix(res.raw, `{"users":[],`) {
		t.Errorf("%s", res.raw)
	}
}
