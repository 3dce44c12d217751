package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/users/login/limits"
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
		{"shoppers", "q=%C2%AD", "q"}, {"orders/export", "format=xml", "format"}, {"orders/export", "q=%C2%AD", "q"}, {"orders/export", "unit=0", "unit"}, {"orders/export", "bom=yes", "bom"}, {"orders/export", "generation=-1", "generation"},
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
	if h := res.Header; h.Get("Content-Disposition") != `attachment; filename="orders-first-all-generations-20260101T120000Z.csv"` || h.Get("Export-Moment") != "2026-01-01T12:00:00.000Z" || h.Get("Export-Sold") != "2" || res.Trailer.Get("Export-Rows") != "2" {
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

// A file has what the page that leads to it shows, and its name says so.
func TestAnExportFollowsThePage(t *testing.T) {
	t.Parallel()
	const operator, page = "Test-Session: root!", "Accept: text/html"
	for query, want := range map[string]struct{ form, says, file string }{
		"":      {"generation=3&sale=first", "All orders, whatever their state", "orders-first-generation-3-20260101T120000Z.csv"},
		"q=ali": {"generation=3&q=ali&sale=first", "Only orders that the search for “ali” finds, all of them.", "orders-first-generation-3-found-20260101T120000Z.csv"},
		"q=7":   {"generation=3&sale=first&unit=7", "Only orders of unit 7.", "orders-first-generation-3-unit-7-20260101T120000Z.csv"},
		"q=a&state=confirmed&from=2026-01-01T11:00&to=2026-01-01T12:30": {"from=2026-01-01T11%3A00%3A00Z&generation=3&q=a&sale=first&state=confirmed&to=2026-01-01T12%3A30%3A00Z", "decided before 2026-01-01 12:30:00 UTC",
			"orders-first-generation-3-confirmed-found-from-20260101T110000Z-until-20260101T123000Z-20260101T120000Z.csv"},
	} {
		w := newWorld(t, accountsMode)
		shown := html.UnescapeString(w.send(t, "GET", "/admin/orders?"+query, "", operator, page).raw)
		_, form, _ := strings.Cut(shown, `data-testid="orders-export"`)
		form, _, _ = strings.Cut(form, "</form>")
		if !strings.Contains(shown, want.says) {
			t.Errorf("%q: the page lacks %q", query, want.says)
		}
		fields := url.Values{"generation": {"3"}}
		for _, m := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(form, -1) {
			fields.Set(m[1], m[2])
		}
		if fields.Encode() != want.form {
			t.Errorf("%q: the form asks for %q, want %q", query, fields.Encode(), want.form)
		}
		meant := w.desk.queries[0]
		w.desk.queries = nil
		res := w.send(t, "GET", "/api/admin/orders/export?"+fields.Encode(), "", operator)
		if got := res.Header.Get("Content-Disposition"); got != `attachment; filename="`+want.file+`"` {
			t.Errorf("%q: the file is %s", query, got)
		}
		meant.Page, meant.Generation, meant.AnySale = sale.OrderPageRequest{}, 3, false
		if len(w.desk.queries) != 1 || w.desk.queries[0] != meant {
			t.Errorf("%q: the page asks for %+v, its file for %+v", query, meant, w.desk.queries)
		}
	}
	w := newWorld(t, accountsMode)
	w.desk.list.Orders = nil
	if none := w.send(t, "GET", "/admin/orders?q=nobody", "", operator, page); strings.Contains(none.raw, "orders-export") {
		t.Error("what was not found can be taken away")
	}
	for query, file := range map[string]string{"refused=1&who=ann": "audit-of-one-actor-refused-20260101T120000Z", "what=sale.pause&sale=first": "audit-of-one-act-of-one-sale-20260101T120000Z", "": "audit-20260101T120000Z"} {
		if res := w.send(t, "GET", "/api/admin/audit/export?"+query, "", operator); res.Header.Get("Content-Disposition") != `attachment; filename="`+file+`.csv"` {
			t.Errorf("%q: the file is %s", query, res.Header.Get("Content-Disposition"))
		}
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

// hostileNames are names that nobody may have to look at twice: in a page they are text.
var hostileNames = []string{"=1+1", "+49", "-x", "@home", `"><script>alert(1)</script>`, "O'Neil & Söhne", "🦊 fox", "שלום", "a  b"}

func TestShoppersAreListedWithTheirStateInWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	states := []users.Listed{
		{Account: users.Account{ID: 1, Username: "ann", Email: "ann@example.com", MayPurchase: true, CreatedAt: noon}},
		{Account: users.Account{ID: 2, Username: "bob", CreatedAt: noon}},
		{Account: users.Account{ID: 3, Username: "cid", MayPurchase: true, CreatedAt: noon}, Archived: true},
		{Account: users.Account{ID: 4, Username: "erased-x", CreatedAt: noon}, Archived: true, Erased: true},
	}
	for i, name := range hostileNames {
		states = append(states, users.Listed{Account: users.Account{ID: int64(10 + i), Username: name, Email: name + "@example.com", MayPurchase: true, CreatedAt: noon}})
	}
	w.desk.found = users.Found{Accounts: states, First: users.Beside{ID: 1}, Last: users.Beside{ID: 10}, Later: true}
	page := w.browse(t, "/admin/shoppers?q=%C3%84", "Test-Session: vera?")
	page.shows(t, 200, "ann@example.com", ">May buy<", ">Barred<", ">Archived<", ">Erased<", "2026-01-01 12:00:00 UTC", `value="Ä"`, `rel="next"`, `href="/admin/shoppers/ann"`)
	for _, name := range hostileNames {
		page.shows(t, 200, "<bdi>"+html.EscapeString(name)+"</bdi>", `href="/admin/shoppers/`+html.EscapeString(url.PathEscape(name))+`"`)
	}
	page.lacks(t, "<script>alert")
	if q := w.desk.searches[0]; q.Prefix != "ä" || q.Limit != 50 {
		t.Errorf("asked %+v", q)
	}
	next := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(page.raw)
	if len(next) != 2 || !strings.HasPrefix(next[1], "/admin/shoppers?") || !strings.Contains(next[1], "q=%C3%84") {
		t.Fatalf("the next page is %q", next)
	}
	if w.browse(t, html.UnescapeString(next[1]), "Test-Session: vera?").shows(t, 200); w.desk.searches[1].Beside.ID != 10 {
		t.Errorf("then asked %+v", w.desk.searches[1])
	}
	w.browse(t, "/admin/shoppers?q=%00", "Test-Session: vera?").shows(t, 422, `aria-invalid="true"`, "visible characters")
	w.browse(t, "/admin/shoppers?cursor=x", "Test-Session: vera?").shows(t, 422)
	if len(w.desk.searches) != 2 {
		t.Error("a wrong search reached the desk")
	}
}

func TestTheDeskShowsOneShopper(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	id := receipt("a").OrderID
	w.desk.shopper = operator.ShopperDetail{
		Listed: users.Listed{Account: users.Account{Email: "ann@example.com", EmailVerified: true, MayPurchase: true, CreatedAt: noon}}, Role: login.Viewer,
		Orders: []sale.Order{
			{Receipt: receipt("ann"), Slug: "first", Product: "Lamp"}, {Receipt: receipt("ann"), Slug: "first", Product: "Lamp", CancelledAt: noon},
		},
		MoreOrders: true, MoreActs: true,
		Sessions: []login.Session{{Created: noon, Expires: noon.Add(time.Hour), Origin: login.Origin{Network: "192.0.2.9", Agent: "<b>Fox</b>"}}},
		Met:      []limits.Met{{Policy: limits.Purchase, By: limits.ByAccount, At: noon}, {Policy: limits.SignIn, By: limits.ByStrangers, At: noon}},
		Acts:     []audit.Recorded{{ID: 4, At: noon, Actor: "olga", Means: "session", Network: "192.0.2.1", Action: "shopper.bar", Subject: "ann", Detail: json.RawMessage(`{"reason":"a bot","account":7,"before":{"canPurchase":true},"after":{"canPurchase":false}}`)}},
	}
	page := w.browse(t, "/admin/shoppers/ann", "Test-Session: root!")
	page.shows(t, 200, "ann@example.com", "verified", "viewer", `href="/admin/orders/`+id.String()+`"`, sale.OrderNumber(id), ">Cancelled<", ">Confirmed<", `href="/admin/sales/first"`,
		"192.0.2.9", "&lt;b&gt;Fox&lt;/b&gt;", "Presses of the button", "by this account alone", "where it has never signed in", "Redis keeps this",
		"Shopper barred", "by page from 192.0.2.1", "a bot", `href="/admin/audit/4"`, `href="/admin/orders?q=ann"`, `href="/admin/audit?subject=ann"`, `href="/admin/shoppers/ann/bar"`)
	page.lacks(t, `data-testid="unbar"`, `data-testid="met-unknown"`)
	w.browse(t, "/admin/shoppers/ann", "Test-Session: vera?").lacks(t, `data-testid="bar"`)
	w.browse(t, "/admin/shoppers/nobody", "Test-Session: root!").shows(t, 404)
	w.desk.shopper = operator.ShopperDetail{MetUnknown: true}
	w.browse(t, "/admin/shoppers/bob?done=bar", "Test-Session: root!").shows(t, 200, ">Barred<", "cannot buy any more", `data-testid="met-unknown"`, `href="/admin/shoppers/bob/unbar"`)
	w.browse(t, "/admin/shoppers/bob?done=unbar", "Test-Session: root!").lacks(t, `data-testid="notice"`)
}

// A page says what barring will do, and the form that it has does it once; a refusal shows the page again, with what was typed.
func TestBarringFromThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	root, name := "Test-Session: root!", `änn "e" 🦊`
	w.desk.shopper.MayPurchase = true
	path := "/admin/shoppers/" + url.PathEscape(name)
	step := w.browse(t, path+"/bar", root)
	step.shows(t, 200, "stays bought", `action="/api`+html.EscapeString(path)+`/bar"`, "<textarea", `name="Idempotency-Key"`)
	if len(w.ops.calls) != 0 {
		t.Errorf("a look has done %q", w.ops.calls)
	}
	w.browse(t, path+"/unbar", root).shows(t, 200, "This account is not barred.")
	w.browse(t, path+"/bar", "Test-Session: vera?").shows(t, 403)

	empty := w.submit(t, "/api"+path+"/bar", url.Values{"reason": {" "}, "Idempotency-Key": {"k"}}, root)
	empty.shows(t, 422, "Nothing was done", "is required: 1 to 500 characters", "<textarea")
	long := strings.Repeat("ü", 501)
	w.submit(t, "/api"+path+"/bar", url.Values{"reason": {long}}, root).shows(t, 422, long, "Nothing was done")
	w.submit(t, "/api"+path+"/bar", url.Values{"reason": {" "}}, root, "Accept-Language: de").shows(t, 422, "Nichts wurde getan", "1 bis 500 Zeichen", "sperren?")
	if len(w.ops.calls) != 0 {
		t.Errorf("refused, and done: %q", w.ops.calls)
	}
	w.ops.err = sale.ErrBusy
	w.submit(t, "/api"+path+"/bar", url.Values{"reason": {"a <bot>"}, "Idempotency-Key": {"mine"}}, root).shows(t, 409, "a &lt;bot&gt;", `role="alert"`)
	w.ops.err = audit.ErrOutcomeUnknown
	w.submit(t, "/api"+path+"/bar", url.Values{"reason": {"a bot"}, "Idempotency-Key": {"mine"}}, root).shows(t, 504, `value="mine"`)
	w.ops.err = nil
	w.ops.calls = nil
	done := w.submit(t, "/api"+path+"/bar", url.Values{"reason": {"a bot"}, "Idempotency-Key": {"k"}}, root)
	if to := done.Header.Get("Location"); done.StatusCode != http.StatusSeeOther || to != path+"?done=bar" || strings.Join(w.ops.calls, ";") != "bar "+name+" true a bot" {
		t.Errorf("%d %s, called %q", done.StatusCode, to, w.ops.calls)
	}
	w.desk.shopper.MayPurchase = false
	w.browse(t, path+"/unbar", root).shows(t, 200, "may buy again at once")
	if done := w.submit(t, "/api"+path+"/unbar", url.Values{"reason": {"no bot"}}, root); done.Header.Get("Location") != path+"?done=unbar" {
		t.Errorf("%d %s", done.StatusCode, done.Header.Get("Location"))
	}
}

func TestTheAuditLogIsAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	id := receipt("a").OrderID.String()
	w.desk.acts = []audit.Recorded{
		{ID: 9, At: noon, Actor: `=olga`, Means: "token nightly", Network: "192.0.2.1", Action: "sale.stock", Subject: "first", Detail: json.RawMessage(`{"stock":150,"before":{"stock":100,"revision":8},"after":{"stock":150,"revision":9}}`)},
		{ID: 8, At: noon, Actor: "olga", Means: "command", Action: "sale.pause", Subject: "first", Detail: json.RawMessage(`{"before":{"state":"open"},"after":{"state":"paused"}}`)},
		{ID: 7, At: noon, Actor: "demo", Means: "demo mode", Action: "order.cancel", Subject: id, Detail: json.RawMessage(`{"reason":"<paid> twice","sale":"first","unit":3,"username":"שלום","before":{"order":"confirmed"},"after":{"order":"cancelled"}}`)},
		{ID: 6, At: noon, Actor: "vera", Means: "session", Network: "192.0.2.7", Action: audit.Refused, Subject: "POST /api/admin/sales/:slug/close", Detail: json.RawMessage(`{"why":"revision-changed","sale":"first","seen":"\"7\"","present":9}`)},
		{ID: 5, At: noon, Actor: "olga", Action: "picture.describe", Subject: "first", Detail: json.RawMessage(`{"id":"x","alt":"Blue","before":"Red"}`)},
		{ID: 4, At: noon, Actor: "olga", Action: "team.role", Subject: "jane", Detail: json.RawMessage(`{"before":{"role":""},"after":{"role":"operator"}}`)},
		{ID: 3, At: noon, Actor: "olga", Action: "something.new", Subject: "x", Detail: json.RawMessage(`null`)},
		{ID: 2, At: noon, Actor: "olga", Action: "picture.arrange", Subject: "first", Detail: json.RawMessage(`{"order":["a","b"],"before":{"pictures":[{"id":"a","alt":"Red"},{"id":"b","alt":"Blue"}]},"after":{"pictures":[{"id":"b","alt":"Blue"},{"id":"a","alt":"Red"}]}}`)},
	}
	page := w.browse(t, "/admin/audit?who=%3Dolga&sale=first&what=sale.stock&from=2026-01-01T00:00&to=2026-01-02T00:00:30", "Test-Session: root!")
	page.shows(t, 200, "2026-01-01 12:00:00 UTC", "by the token nightly from 192.0.2.1", "by a command", "in demo mode", ">100<", ">150<", ">Open<", ">Paused<", `href="/admin/sales/first"`,
		`href="/admin/orders/`+id+`"`, "&lt;paid&gt; twice", "<bdi>שלום</bdi>", `href="/admin/shoppers/`+url.PathEscape("שלום")+`"`, ">Refused<", "Close for good", "Revision now",
		"Role changed", ">none<", ">operator<", "something.new", "&#34;Red&#34;, &#34;Blue&#34;", `value="=olga"`, `action="/api/admin/audit/export"`, `name="from" value="2026-01-01T00:00:00.000Z"`, `href="/admin/audit/9"`)
	want := audit.Filter{Actor: "=olga", Sale: "first", Action: "sale.stock", From: noon.Add(-12 * time.Hour), Until: noon.Add(12*time.Hour + 30*time.Second)}
	if len(w.desk.filters) != 1 || w.desk.filters[0] != want {
		t.Errorf("asked %+v", w.desk.filters)
	}
	w.browse(t, "/admin/audit?refused=1&who=&what=&sale=&subject=&from=&to=", "Test-Session: vera?").lacks(t, "/api/admin/audit/export")
	if f := w.desk.filters[1]; f != (audit.Filter{Action: audit.Refused}) {
		t.Errorf("asked %+v", f)
	}
	for query, says := range map[string]string{"from=yesterday": "a time like", "to=9999999": "a time like", "who=%00": "plain text", "sale=a&sale=b": "plain text"} {
		w.browse(t, "/admin/audit?"+query, "Test-Session: root!").shows(t, 422, says, `aria-invalid="true"`)
	}
	if len(w.desk.filters) != 2 {
		t.Error("a wrong filter reached the desk")
	}
	w.browse(t, "/admin/audit/9", "Test-Session: vera?").shows(t, 200, "Stock changed", ">100<", ">150<", "&#34;revision&#34;: 9")
	w.browse(t, "/admin/audit/6", "Test-Session: vera?", "Accept-Language: de").shows(t, 200, "Abgelehnt", "Endgültig schließen")
	for _, wrong := range []string{"99", "0", "-1", "07", "x", "99999999999999999999"} {
		w.browse(t, "/admin/audit/"+wrong, "Test-Session: vera?").shows(t, 404)
	}
}

// "Who paused it?": the run of show says who, from where and what, and leads to the entry.
func TestTheRunOfShowSaysWhoPausedIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	w.ops.history = []audit.Recorded{{ID: 12, At: noon, Actor: "olga", Means: "session", Network: "192.0.2.1", Action: "sale.pause", Subject: "first", Detail: json.RawMessage(`{"before":{"state":"open"},"after":{"state":"paused"}}`)}}
	w.browse(t, "/admin/sales/first", "Test-Session: vera?").shows(t, 200, `href="/admin/audit/12">Paused</a>`, "<bdi>olga</bdi>", "by page from 192.0.2.1", "State Open → Paused", `href="/admin/audit?sale=first"`)
}
