package web

import (
	"net/http"
	"strconv"
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

// A page beyond the last one is an answer, not an error: it says which pages there are, and leads there.
func TestAPageThatDoesNotExistLeadsBack(t *testing.T) {
	t.Parallel()
	const next, last = `</api/users?page=2&limit=20>; rel="next"`, `</api/users?page=3&limit=20>; rel="last"`
	for _, c := range []struct {
		page, total int
		message     any
		link        []string
		shows       []string
		lacks       []string
	}{
		{1_000_000_000, 41, "There is no page 1000000000; the last one is page 3",
			[]string{`</api/users?page=1&limit=20>; rel="first"`, `</api/users?page=3&limit=20>; rel="prev"`, last},
			[]string{"Total: 41 users. There is no page 1000000000; the last one is page 3.", "/?tab=users&amp;page=3", "/?tab=users&amp;page=1"},
			[]string{"page=999999999", "Previous", "Next", "(Page"}},
		{4, 0, "There is no page 4; the last one is page 1", []string{`rel="prev"`, `</api/users?page=1&limit=20>; rel="last"`},
			[]string{"Total: 0 users. There is no page 4", "First page"}, []string{"Last page"}},
		{1, 41, nil, []string{next, last}, []string{"Total: 41 users (Page 1 of 3)", "Next"}, []string{`id="users-previous" href`, "There is no page"}},
		{1, 0, nil, []string{`rel="last"`}, []string{"Total: 0 users (Page 1 of 1)"}, []string{"There is no page", `id="users-next" href`}},
	} {
		w := newWorld(t)
		w.users.page = users.Page{Total: int64(c.total)}
		target := "/api/users?page=" + strconv.Itoa(c.page)
		res := w.send(t, "GET", target, "")
		if res.StatusCode != http.StatusOK || res.json["message"] != c.message {
			t.Errorf("page %d of %d: %d %s", c.page, c.total, res.StatusCode, res.raw)
		}
		for _, part := range c.link {
			if link := res.Header.Get("Link"); !strings.Contains(link, part) || c.page == 1 && strings.Contains(link, `"prev"`) || c.page > 3 && strings.Contains(link, `"next"`) {
				t.Errorf("page %d of %d: Link %s lacks %s or has too much", c.page, c.total, link, part)
			}
		}
		for _, address := range []string{target, "/?tab=users&page=" + strconv.Itoa(c.page)} {
			page := w.browse(t, address)
			page.shows(t, 200, c.shows...)
			page.lacks(t, c.lacks...)
		}
	}
}
