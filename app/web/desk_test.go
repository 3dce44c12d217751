package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
)

func TestOrderListsAskForWhatTheQuerySays(t *testing.T) {
	t.Parallel()
	from, to := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	for query, want := range map[string]operator.OrderQuery{
		"": {},
		"sale=first&generation=2&state=cancelled&unit=7&limit=3":   {Slug: "first", Generation: 2, Filter: sale.OrderFilter{State: sale.OrderCancelled, Unit: 7}, Page: sale.OrderPageRequest{Limit: 3}},
		"from=2026-01-02T04:04:05%2B01:00&to=2026-01-03T00:00:00Z": {Filter: sale.OrderFilter{From: from, Until: to}},
		"q=ann": {Text: "ann"}, "q=123-ABC-xyz": {Text: "123-ABC-xyz"},
	} {
		if want.Page.Limit == 0 {
			want.Page.Limit = 50
		}
		w := newWorld(t)
		res := w.send(t, "GET", "/api/admin/orders?"+query, "")
		if res.StatusCode != http.StatusOK || len(w.desk.queries) != 1 || w.desk.queries[0] != want {
			t.Errorf("%q: %d, asked %+v, want %+v", query, res.StatusCode, w.desk.queries, want)
		}
		if !strings.Contains(res.raw, `"orderNumber":"`+sale.OrderNumber(receipt("a").OrderID)+`"`) || strings.Contains(res.raw, "cancelledAt") {
			t.Errorf("%q is answered %s", query, res.raw)
		}
	}
}

// Whatever is wrong with a query is the client's mistake, and the answer says which field it is.
func TestWrongFieldsOfListsAreNamed(t *testing.T) {
	t.Parallel()
	cursor := func(raw string) string { return "cursor=" + base64.RawURLEncoding.EncodeToString([]byte(raw)) }
	for _, c := range []struct{ path, query, field string }{
		{"orders", "state=open", "state"}, {"orders", "generation=0", "generation"}, {"orders", "generation=x", "generation"}, {"orders", "unit=0", "unit"},
		{"orders", "from=yesterday", "from"}, {"orders", "to=2026-01-01", "to"}, {"orders", "from=0001-01-01T00:00:00Z", "from"}, {"orders", "limit=0", "limit"},
		{"orders", "limit=201", "limit"}, {"orders", "q=%00", "q"}, {"orders", "q=a%E2%80%AEb", "q"}, {"orders", "q=" + strings.Repeat("x", 300), "q"},
		{"orders", "sale=%00", "sale"}, {"orders", "sale=a&sale=b", "sale"}, {"orders", "%zz", "query"},
		{"orders", "cursor=", "cursor"}, {"orders", "cursor=?", "cursor"}, {"orders", "cursor=AAAA", "cursor"}, {"orders", cursor(""), "cursor"},
		{"orders", cursor("o\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "cursor"}, {"orders", cursor("o\x00\x00\x00\x00\x00\x00\x00\x00\x01short"), "cursor"},
		{"orders", cursor("o\x02\x00\x00\x00\x00\x00\x00\x00\x010123456789abcdef"), "cursor"}, {"orders", cursor("o\x00\xff\x00\x00\x00\x00\x00\x00\x010123456789abcdef"), "cursor"},
		{"orders", cursor("o\x00\x00\x00\x00\x00\x00\x00\x00\x000123456789abcdef"), "cursor"}, {"orders", cursor("a\x00\x00\x00\x00\x00\x00\x00\x00\x0101234567"), "cursor"},
		{"audit", cursor("a\x00\x7f\xff\xff\xff\xff\xff\xff\xff01234567"), "cursor"}, {"audit", cursor("a\x00\x00\x00\x00\x00\x00\x00\x00\x01x"), "cursor"},
		{"audit", "who=%FF", "who"}, {"audit", "what=%00", "what"}, {"audit", "from=now", "from"},
		{"shoppers", cursor("s\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff"), "cursor"}, {"shoppers", cursor("s\x00\x00\x00\x00\x00\x00\x00\x00\x00Ann"), "cursor"},
		{"shoppers", "q=%C2%AD", "q"}, {"orders/export", "format=xml", "format"}, {"orders/export", "bom=yes", "bom"}, {"orders/export", "generation=-1", "generation"},
		{"audit/export", "format=xml", "format"},
	} {
		w := newWorld(t)
		res := w.send(t, "GET", "/api/admin/"+c.path+"?"+c.query, "")
		all, _ := res.json["errors"].([]any)
		if res.StatusCode != http.StatusUnprocessableEntity && res.StatusCode != http.StatusBadRequest || len(all) != 1 || all[0].(map[string]any)["field"] != c.field {
			t.Errorf("%s?%s: %d %s, want that %s is wrong", c.path, c.query, res.StatusCode, res.raw, c.field)
		}
		if len(w.desk.queries)+len(w.desk.searches)+len(w.desk.filters) != 0 {
			t.Errorf("%s?%s reached the desk", c.path, c.query)
		}
	}
}

// links follows the links of an answer: each leads to a page that begins where this one ends.
func TestLinksLeadToTheOtherPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := deskOrder("alice"), deskOrder("bob")
	a.Unit, b.Unit = 9, 8
	w.desk.list = operator.OrderList{Slug: "first", Orders: []operator.DeskOrder{a, b}, Earlier: true, Later: true}
	res := w.send(t, "GET", "/api/admin/orders?state=confirmed&q=x", "")
	pages, _ := res.json["pages"].(map[string]any)
	for rel, want := range map[string]sale.OrderPageRequest{
		"first": {}, "prev": {Beside: a.Place(), Back: true}, "next": {Beside: b.Place()}, "last": {Back: true},
	} {
		want.Limit = 50
		to, _ := pages[rel].(string)
		w.desk.queries = nil
		if res := w.send(t, "GET", to, ""); res.StatusCode != http.StatusOK || w.desk.queries[0].Page != want || w.desk.queries[0].Text != "x" || w.desk.queries[0].Filter.State != sale.OrderConfirmed {
			t.Errorf("%s is %s: %+v, want %+v", rel, to, w.desk.queries, want)
		}
		if !strings.Contains(res.Header.Get("Link"), "<"+to+`>; rel="`+rel+`"`) {
			t.Errorf("the field Link lacks %s: %s", rel, res.Header.Get("Link"))
		}
	}
	w.desk.acts = []audit.Recorded{{ID: 7, At: noon, Detail: json.RawMessage(`null`)}}
	w.desk.found = users.Found{Accounts: []users.Listed{{}}, First: users.Beside{Key: "änne"}, Last: users.Beside{Key: "änne"}, Later: true}
	next, _ := w.send(t, "GET", "/api/admin/shoppers?q=%C3%A4", "").json["pages"].(map[string]any)["next"].(string)
	if w.send(t, "GET", next, ""); len(w.desk.searches) != 2 || w.desk.searches[1] != (users.Search{Prefix: "ä", Beside: users.Beside{Key: "änne"}, Limit: 50}) {
		t.Errorf("%s: %+v", next, w.desk.searches)
	}
}

func TestAnOrdersHistorySaysWhoCancelledItAndWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.desk.acts = []audit.Recorded{{ID: 3, At: noon, Actor: "olga", Action: "order.cancel", Detail: json.RawMessage(`{"reason":"paid twice"}`)}}
	id := receipt("alice").OrderID.String()
	res := w.send(t, "GET", "/api/admin/orders/"+id, "")
	if claim, _ := res.json["claim"].(map[string]any); res.StatusCode != http.StatusOK || claim["id"] != id || claim["offset"] != nil || res.json["receipt"] != "shown" || !strings.Contains(res.raw, "paid twice") {
		t.Errorf("%d %s", res.StatusCode, res.raw)
	}
	for _, other := range []string{"x", id[:35], strings.Repeat("0", 36), "00000000-0000-8000-8000-000000000000"} {
		if res := w.send(t, "GET", "/api/admin/orders/"+other, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %s", other, res.StatusCode, res.raw)
		}
	}
}

func TestBarringNeedsAReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	for path, want := range map[string]string{"bar": "bar änn e true bot", "unbar": "bar änn e false bot"} {
		w.ops.calls = nil
		to := "/api/admin/shoppers/" + url.PathEscape("Änn E") + "/" + path
		if res := w.send(t, "POST", to, `{"reason":" "}`, "Test-Session: root!"); res.StatusCode != http.StatusUnprocessableEntity || len(w.ops.calls) != 0 {
			t.Errorf("%s without a reason: %d %s", path, res.StatusCode, res.raw)
		}
		res := w.send(t, "POST", to, `{"reason":"bot"}`, "Test-Session: root!", "Idempotency-Key: k")
		if res.StatusCode != http.StatusOK || strings.Join(w.ops.calls, ";") != want || res.json["canPurchase"] != (path == "unbar") {
			t.Errorf("%s: %d %s, called %q", path, res.StatusCode, res.raw, w.ops.calls)
		}
		if a := w.ops.acts[len(w.ops.acts)-1]; a.Key != "k" || a.Principal != "root" {
			t.Errorf("the act is %+v", a)
		}
	}
	if res := w.send(t, "POST", "/api/admin/shoppers/%00/bar", `{"reason":"bot"}`, "Test-Session: root!"); res.StatusCode != http.StatusNotFound {
		t.Errorf("%d %s", res.StatusCode, res.raw)
	}
}

func TestExportsAreFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	hostile := deskOrder(`=cmd|' /C calc'!A0`)
	hostile.Person.Email = `"a,b"@example.com`
	w.desk.list.Orders = append(w.desk.list.Orders, hostile)
	res := w.send(t, "GET", "/api/admin/orders/export?bom=1&sale=first&generation=all", "", "Test-Session: root!")
	lines := strings.Split(res.raw, "\r\n")
	if res.StatusCode != http.StatusOK || len(lines) != 4 || !strings.HasPrefix(lines[0], "\ufefforderNumber,purchaseId,sale,") ||
		!strings.Contains(lines[1], ",alice,,7,false,2026-01-01T11:59:00.000Z,2026-01-01T11:59:00.001Z,,1") ||
		!strings.Contains(lines[2], `,'=cmd|' /C calc'!A0,"""a,b""@example.com",7,`) {
		t.Errorf("%d %q", res.StatusCode, lines)
	}
	if h := res.Header; h.Get("Content-Disposition") != `attachment; filename="orders-20260101T120000Z.csv"` || h.Get("Export-Moment") != "2026-01-01T12:00:00.000Z" || h.Get("Export-Sold") != "2" || res.Trailer.Get("Export-Rows") != "2" {
		t.Errorf("fields %v, trailer %v", res.Header, res.Trailer)
	}
	if q, a := w.desk.queries[0], w.desk.exports[0]; q.Generation != operator.AllGenerations || q.Slug != "first" || a.Principal != "root" || a.Means != "session" || a.Network == "" {
		t.Errorf("%+v by %+v", q, a)
	}
	r, rec := httptest.NewRequest(http.MethodGet, "/api/admin/orders/export?format=jsonl", nil), httptest.NewRecorder()
	signIn(r, "root!")
	w.Handler().ServeHTTP(rec, r)
	lines = strings.Split(rec.Body.String(), "\n")
	var one struct{ Shopper struct{ Username string } }
	if err := json.Unmarshal([]byte(lines[1]), &one); err != nil || len(lines) != 3 || one.Shopper.Username != hostile.Person.Username {
		t.Errorf("%q, %v", lines, err)
	}
	w.desk.exports = nil
	if res := w.send(t, "HEAD", "/api/admin/orders/export", "", "Test-Session: root!"); res.StatusCode != http.StatusOK || len(w.desk.exports) != 0 {
		t.Errorf("HEAD: %d, %d exports", res.StatusCode, len(w.desk.exports))
	}
	w.desk.err = operator.ErrExports
	if res := w.send(t, "GET", "/api/admin/orders/export", "", "Test-Session: root!"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "15" || res.json["type"] != "/problems/exports-busy" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, res.raw)
	}
}

// An export that ends too early must not look like a whole one.
func TestACutExportIsNotAWholeOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.desk.cut = errors.New("the database has gone")
	server := httptest.NewServer(w.Handler())
	defer server.Close()
	res, err := server.Client().Get(server.URL + "/api/admin/orders/export")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil || res.Trailer.Get("Export-Rows") != "" || !strings.Contains(w.logged.String(), "the database has gone") {
		t.Errorf("read %q without an error; trailer %v", body, res.Trailer)
	}
}
