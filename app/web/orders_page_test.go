package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/sale"
)

// berlin lets the current sale be one whose people live by other clocks than this machine.
func berlin(w *world) {
	w.catalog.change(func(s *sale.Snapshot) { s.Zone, s.Generation = "Europe/Berlin", 3 })
}

func TestThePageOfOrdersAsksForWhatItsFormSays(t *testing.T) {
	t.Parallel()
	from, until := time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC), time.Date(2026, 7, 2, 8, 0, 0, 0, time.UTC)
	order := sale.OrderNumber(receipt("alice").OrderID)
	for query, want := range map[string]operator.OrderQuery{
		"":                           {},
		"sale=first&state=cancelled": {Filter: sale.OrderFilter{State: sale.OrderCancelled}},
		"sale=first&q=&state=&from=&to=&generation=": {},
		"generation=2": {Generation: 2},
		"q=+ann+":      {Text: "ann", AnySale: true},
		"q=" + order:   {Text: order, AnySale: true},
		"q=7":          {Filter: sale.OrderFilter{Unit: 7}},
		"from=2026-07-01T10:00&to=2026-07-02T10:00:00%2B02:00": {Filter: sale.OrderFilter{From: from, Until: until}},
		// The clocks show this hour twice: the list has the orders of both.
		"from=2026-10-25T02:30": {Filter: sale.OrderFilter{From: time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)}},
		"to=2026-10-25T02:30":   {Filter: sale.OrderFilter{Until: time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC)}},
	} {
		w := newWorld(t)
		berlin(w)
		want.Slug, want.Page.Limit = "first", 50
		res := w.browse(t, "/admin/orders?"+query)
		if res.StatusCode != http.StatusOK || len(w.desk.queries) != 1 || w.desk.queries[0] != want {
			t.Errorf("%q: %d, asked %+v, want %+v", query, res.StatusCode, w.desk.queries, want)
		}
		res.shows(t, 200, order, `href="/admin/orders/`+receipt("alice").OrderID.String()+`"`, `href="/admin/shoppers/alice"`, "CET")
	}
}

// What is wrong is said at its field, what was typed stays, and nothing is looked up.
func TestThePageOfOrdersNamesWrongFields(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]struct {
		status int
		field  string
	}{
		"state=open":            {422, "state"},
		"generation=x":          {422, "generation"},
		"generation=0":          {422, "generation"},
		"generation=99":         {404, "generation"},
		"from=yesterday":        {422, "from"},
		"to=2026-13-01T10:00":   {422, "to"},
		"from=0001-01-01T00:00": {422, "from"},
		"q=a%E2%80%AEb":         {422, "q"},
		"q=%00":                 {422, "q"},
		"sale=nosuch":           {404, "sale"},
		"sale=first&sale=x":     {422, "sale"},
		"from=2026-07-02T10:00&to=2026-07-01T10:00": {422, "to"},
	} {
		w := newWorld(t)
		res := w.browse(t, "/admin/orders?"+query)
		res.shows(t, want.status, `id="`+want.field+`-error"`, `aria-describedby="`+want.field+`-error`, `data-testid="problem"`)
		if len(w.desk.queries) != 0 {
			t.Errorf("%s reached the desk", query)
		}
		given, _ := url.ParseQuery(query)
		if v := given.Get(want.field); want.field != "sale" && want.field != "state" && !strings.ContainsAny(v, "\x00\u202e") && !strings.Contains(res.raw, `value="`+v+`"`) {
			t.Errorf("%s: what was typed is gone", query)
		}
	}
	for _, query := range []string{"cursor=AAAA", "limit=0"} {
		newWorld(t).browse(t, "/admin/orders?q=ann&"+query).shows(t, 422, `data-testid="problem"`, `href="/admin/orders?q=ann&amp;sale=first"`)
	}
	newWorld(t).browse(t, "/admin/orders?%zz").shows(t, 422)
	w := newWorld(t)
	w.desk.err = sale.ErrNoSale
	w.browse(t, "/admin/orders?generation=1").shows(t, 404, `id="generation-error"`)
	w.desk.err = errors.New("the database has gone")
	w.browse(t, "/admin/orders").shows(t, 500)
}

// A number that is also a unit or a name is looked for in each of these ways, until something is found.
func TestATextIsLookedForInEveryWayThatItCanMean(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string][]string{
		"7": {"unit 7", "text 7"}, "123456789": {"text 123456789", "unit 123456789"}, "ann": {"text ann"}, "0": {"text 0"},
	} {
		w := newWorld(t)
		w.desk.list.Orders = nil
		w.browse(t, "/admin/orders?q="+typed).shows(t, 200, `data-testid="orders-none"`)
		var got []string
		for _, q := range w.desk.queries {
			if q.Filter.Unit != 0 {
				got = append(got, "unit "+typed)
				continue
			}
			got = append(got, "text "+q.Text)
		}
		if strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("%s is looked for as %q, want %q", typed, got, want)
		}
	}
}

func TestThePageOfOrdersSaysWhatItKnowsOfTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := deskOrder("alice"), deskOrder("bob")
	a.Unit, b.Unit, b.State, b.CancelledAt, b.Person.Email = 9, 8, sale.OrderCancelled, noon, `"<b>"@example.com`
	w.desk.list = operator.OrderList{Slug: "first", Generation: a.Generation, Total: 100, Sold: 40, Orders: []operator.DeskOrder{a, b}, Earlier: true, Later: true, MoreShoppers: true}
	res := w.browse(t, "/admin/orders?q=x")
	res.shows(t, 200, `data-testid="sum-sold">40<`, `data-testid="sum-pending">0<`, `data-testid="sum-free">60<`, `data-testid="sum-total">100<`,
		"More shoppers have such a name", "&#34;&lt;b&gt;&#34;@example.com", `rel="prev"`, `rel="next"`, `data-state="cancelled"`)
	for _, found := range strings.Split(res.raw, `href="/admin/orders?cursor=`)[1:] {
		to, _, _ := strings.Cut(found, `"`)
		w.desk.queries = nil
		if w.browse(t, "/admin/orders?cursor="+strings.ReplaceAll(to, "&amp;", "&")); len(w.desk.queries) != 1 || w.desk.queries[0].Text != "x" || w.desk.queries[0].Page.Limit != 50 {
			t.Errorf("%s asks %+v", to, w.desk.queries)
		}
	}
	b.Generation = 1
	w.desk.list = operator.OrderList{Slug: "first", Generation: 3, Orders: []operator.DeskOrder{b}}
	w.browse(t, "/admin/orders?q="+sale.OrderNumber(b.OrderID)).shows(t, 200, `data-testid="orders-note"`, "generation 1")
	b.Person.Erased, b.Username = true, ""
	w.desk.list.Orders = []operator.DeskOrder{b}
	r := w.browse(t, "/admin/orders")
	r.shows(t, 200, "Erased account")
	r.lacks(t, "/admin/shoppers/\"")
	w.catalog.snaps = nil
	w.browse(t, "/admin/orders").shows(t, 200, "There are no sales yet")
}

// The file has what the filters mean, and only who may take it is offered it.
func TestTheFormOfTheFileHasTheFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	berlin(w)
	const page = "/admin/orders?state=confirmed&from=2026-07-01T10:00&generation=2&q=ann"
	res := w.browse(t, page, "Test-Session: root!")
	res.shows(t, 200, `action="/api/admin/orders/export"`, `name="state" value="confirmed"`, `name="from" value="2026-07-01T08:00:00Z"`, `name="q" value="ann"`, "Only orders that the search for “ann” finds, all of them.", `name="bom"`, `value="jsonl"`)
	r := w.browse(t, page, "Test-Session: vera?")
	r.shows(t, 200)
	r.lacks(t, "/api/admin/orders/export")
	w.desk.queries = nil
	if res := w.browse(t, "/api/admin/orders/export?sale=first&state=confirmed&from=2026-07-01T08%3A00%3A00Z&generation=2&format=csv&bom=1", "Test-Session: root!"); res.StatusCode != http.StatusOK || !strings.HasPrefix(res.raw, "\ufeff") || w.desk.queries[0].Generation != 2 {
		t.Errorf("the form is answered %d %q", res.StatusCode, res.raw)
	}
}

func TestAnOrdersPageTellsItsHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	berlin(w)
	id := receipt("alice").OrderID.String()
	page := "/admin/orders/" + id
	w.desk.acts = []audit.Recorded{{ID: 3, At: noon, Actor: "olga", Means: "session", Network: "192.0.2.7", Action: "order.cancel", Detail: json.RawMessage(`{"reason":"paid <twice>"}`)}}
	r := w.browse(t, page, "Test-Session: vera?")
	r.shows(t, 200, sale.OrderNumber(receipt("alice").OrderID), "Lamp", "Cancelled by olga", "Reason: paid &lt;twice&gt;", "192.0.2.7", "was not found in the log",
		"2026-01-01 12:59:00.000 CET", "Verdict of the ledger", `href="/admin/shoppers/alice"`, `href="/admin/sales/first"`)
	r.lacks(t, "order-cancel")
	w.browse(t, page, "Test-Session: root!").shows(t, 200, `href="`+page+`/cancel"`)
	r = w.browse(t, page+"?done=cancel", "Test-Session: root!")
	r.shows(t, 200)
	r.lacks(t, `data-testid="notice"`) // it is not
	w.browse(t, "/admin/orders/00000000-0000-8000-8000-000000000000", "Test-Session: root!").shows(t, 404)
	w.browse(t, "/admin/orders/x", "Test-Session: root!").shows(t, 404)
}

// Nothing is done until it is confirmed with a reason, and a refusal keeps what was typed.
func TestAnOrderIsCancelledInTwoSteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	id := receipt("alice").OrderID.String()
	step, act := "/admin/orders/"+id+"/cancel", "/api/admin/orders/"+id+"/cancel"
	w.browse(t, step, "Test-Session: vera?").shows(t, 403)
	w.browse(t, step, "Test-Session: root!").shows(t, 200, `action="`+act+`"`, `name="Idempotency-Key"`, `<textarea id="reason"`, "is free again", "receipt", "No mail is sent")
	if len(w.ops.calls) != 0 {
		t.Fatal(w.ops.calls)
	}
	form := func(reason string) reply {
		return w.send(t, "POST", act, url.Values{"Idempotency-Key": {"k"}, "reason": {reason}}.Encode(), "Test-Session: root!", "Accept: text/html", "Content-Type: application/x-www-form-urlencoded")
	}
	res := form(" ")
	res.shows(t, 422, `id="reason-error"`, "Please say why", `data-testid="confirm"`)
	if strings.Contains(res.raw, `value="k"`) || len(w.ops.calls) != 0 {
		t.Errorf("a refused act keeps its key, or was done: %q", w.ops.calls)
	}
	w.ops.err = sale.ErrBusy
	form("paid <twice>").shows(t, 409, "paid &lt;twice&gt;</textarea>", `data-testid="problem"`)
	w.ops.err = errors.New("the database has gone")
	form("paid twice").shows(t, 500, `value="k"`, "paid twice</textarea>") // it may have been done: the same key does it once
	w.ops.err = nil
	w.ops.calls = nil
	if res := form("paid twice"); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/admin/orders/"+id+"?done=cancel" || len(w.ops.calls) != 1 {
		t.Errorf("%d %s, called %q", res.StatusCode, res.Header.Get("Location"), w.ops.calls)
	}
	if res := w.send(t, "POST", act, `{"reason":"x"}`, "Test-Session: root!"); res.json["message"] != "The order is cancelled; its unit can be sold again" {
		t.Errorf("a program is answered %s", res.raw)
	}
}

// The sum of the run of show leads to its parts.
func TestEachPartOfTheSumLeadsSomewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browse(t, "/admin/sales/first").shows(t, 200, `href="/admin/orders?sale=first&amp;state=confirmed"`, `href="/admin/claims?sale=first"`, `id="undecided"`, `href="/admin/sales/first/units"`)
	w.desk.list = operator.OrderList{Slug: "first", Generation: 3, Total: 10, Sold: 4, CameBack: 2}
	w.desk.acts = []audit.Recorded{
		{At: noon, Actor: "olga", Action: "order.cancel", Subject: "8", Detail: json.RawMessage(`{"unit":7,"reason":"why not"}`)},
		{At: noon, Actor: "olga", Action: "sale.stock", Detail: json.RawMessage(`{"stock":1234}`)},
		{At: noon, Actor: "otto", Action: "sale.pause", Detail: json.RawMessage(`null`)},
		{At: noon, Actor: "otto", Action: "sale.amend", Detail: json.RawMessage(`{"name":"x"}`)},
		{At: noon, Actor: "oleg", Action: "sale.preset", Detail: json.RawMessage(`{"Name":"small","Stock":5,"Users":15}`)},
	}
	r := w.browse(t, "/admin/sales/first/units")
	r.shows(t, 200, "4 free units were never sold", "2 free units came back", "unit 7 came back", "why not", "1234 units in all", "5 units in all", `href="/admin/orders/8"`)
	r.lacks(t, "otto")
	if f := w.desk.filters[0]; f != (audit.Filter{Sale: "first"}) {
		t.Errorf("the acts are those of %+v", f)
	}
	w.browse(t, "/admin/sales/nosuch/units").shows(t, 404)
}

// An earlier generation has its own stock, and only the acts of its time and the cancellations of its orders.
func TestTheUnitsOfAnEarlierGeneration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	act := func(id int64, action, detail string) audit.Recorded {
		return audit.Recorded{ID: id, At: noon, Actor: fmt.Sprintf("actor%d", id), Action: action, Subject: "first", Detail: json.RawMessage(detail)}
	}
	w.desk.acts = []audit.Recorded{
		act(9, "sale.stock", `{"stock":9}`),
		act(8, "order.cancel", `{"unit":2,"generation":2,"reason":"late"}`), // of an order of the generation before
		act(7, "sale.reset", `{"stockAmount":7,"before":{"generation":2},"after":{"generation":3}}`),
		act(6, "sale.stock", `{"stock":6}`),
		act(5, "sale.preset", `{"Stock":5}`), // of a version that did not say which it began
		act(4, "sale.stock", `{"stock":4}`),
	}
	for query, want := range map[string]struct {
		generation int64
		acts       string
	}{"": {3, "9 7"}, "generation=": {3, "9 7"}, "generation=3": {3, "9 7"}, "generation=2": {2, "8 6 5"}, "generation=1": {1, "4"}} {
		w.desk.list = operator.OrderList{Slug: "first", Generation: want.generation, Total: 10, Sold: 4, CameBack: 2}
		w.desk.queries = nil
		res := w.send(t, http.MethodGet, "/api/admin/sales/first/units?"+query, "")
		var ids []string
		for _, one := range res.json["acts"].([]any) {
			ids = append(ids, fmt.Sprint(one.(map[string]any)["id"]))
		}
		if strings.Join(ids, " ") != want.acts || res.json["generation"] != float64(want.generation) || res.json["presentGeneration"] != 3.0 || res.json["neverSold"] != 4.0 || res.json["cameBack"] != 2.0 {
			t.Errorf("%q: acts %v of %s", query, ids, res.raw)
		}
		if asked := w.desk.queries[0].Generation; query == "generation=2" && asked != 2 || query == "" && asked != 0 {
			t.Errorf("%q asks for generation %d", query, asked)
		}
		ended := "were not sold again"
		page := w.browse(t, "/admin/sales/first/units?"+query)
		page.shows(t, 200, fmt.Sprintf("generation=%d&amp;state=cancelled", want.generation), `name="generation"`, "4 free units were never sold")
		if strings.Contains(page.raw, ended) != (want.generation < 3) || strings.Contains(page.raw, "which has ended") != (want.generation < 3) {
			t.Errorf("%q: the page says whether the generation has ended: %s", query, page.raw)
		}
	}
	w.browse(t, "/admin/sales/first/units?generation=x").shows(t, 422, "whole number from 1 to 3", `aria-invalid="true"`, "Please look at what is marked")
	w.send(t, http.MethodGet, "/api/admin/sales/first/units?generation=0", "").problem(t, 422, "invalid-request")
	w.desk.err = sale.ErrNoSale
	w.send(t, http.MethodGet, "/api/admin/sales/first/units?generation=9", "").problem(t, 404, "no-sale")
}
