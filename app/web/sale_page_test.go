package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"flashsale/sale"
)

// secondSale sells another product, and has its own figures.
func secondSale(state sale.State, change ...func(*sale.Snapshot)) sale.Snapshot {
	s := activeSale()
	product := *s.Product
	product.Name = "Clock"
	s.ID, s.Slug, s.State, s.Version, s.Taken, s.Total, s.Product = 2, "second", state, 901, 30, 70, &product
	for _, f := range change {
		f(&s)
	}
	return s
}

func (w *world) add(s sale.Snapshot) { w.catalog.snaps = append(w.catalog.snaps, s) }

func TestEachSaleHasItsOwnPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(secondSale(sale.Open))
	second := w.browse(t, "/sales/second")
	second.shows(t, 200, "<title>Clock · Flash Sale System</title>", `data-stream="/sales/second/live?lang=en"`, `data-ask="/sales/second/status?lang=en"`,
		`action="/api/sales/second/purchase"`, `formaction="/sales/second"`, `href="/sales/second?tab=important"`, `data-testid="total-stock">70<`)
	second.lacks(t, "Lamp", testID("users-section"))
	w.browse(t, "/").shows(t, 200, "<title>Flash Sale System</title>", "Lamp", `action="/api/flash-sale/purchase"`, `formaction="/"`, `data-stream="/live?lang=en"`)
	w.browse(t, "/sales/second?tab=important").shows(t, 200, `data-stream="/sales/second/live?lang=en"`)
	w.send(t, "GET", "/sales/second/status", "", "HX-Request: true").shows(t, 200, `data-testid="total-stock">70<`)
	w.send(t, "GET", "/status", "", "HX-Request: true").shows(t, 200, `data-testid="total-stock">5<`)
	for _, path := range []string{"/sales/third", "/sales/third/status", "/sales/third/live"} {
		w.browse(t, path).shows(t, 404, `class="problem"`)
	}
}

func TestADraftIsShownToTheTeamOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	w.add(secondSale(sale.Draft))
	for _, path := range []string{"/sales/second", "/sales/second?tab=main", "/sales/second/status", "/sales/second/live"} {
		for _, session := range []string{"Test-Session: ", "Test-Session: alice"} {
			w.browse(t, path, session).shows(t, 404)
		}
	}
	for _, session := range []string{"Test-Session: vera?", "Test-Session: root!"} {
		w.browse(t, "/sales/second", session).shows(t, 200, "Clock")
	}
	w.browse(t, "/").lacks(t, "Clock")
	for _, path := range []string{"/api/sales/second/status", "/api/sales/second/product", "/api/sales/second/stream"} {
		w.send(t, "GET", path, "", "Test-Session: alice").problem(t, 404, "no-sale")
	}
	w.send(t, "GET", "/api/sales", "").lacks(t, "second")
	for _, path := range []string{"/api/sales", "/api/sales/second/status"} {
		if r := w.send(t, "GET", path, "", "Test-Session: vera?"); r.StatusCode != http.StatusOK || !strings.Contains(r.raw, `"slug":"second"`) {
			t.Errorf("%s is answered %d %s", path, r.StatusCode, r.raw)
		}
	}
}

func TestAFormOfASalesPageBuysInThatSale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(secondSale(sale.Open))
	const buy = "/api/sales/second/purchase"
	form := url.Values{"username": {"alice"}}
	if r := w.submit(t, buy, form); r.Header.Get("Location") != receiptAddress() || w.checkout.requests[0].Slug != "second" {
		t.Fatalf("%d %v, %+v", r.StatusCode, r.Header, w.checkout.requests)
	}
	claimed := receipt("alice").OrderID
	w.checkout.claim = sale.ClaimState{State: sale.ClaimPending}
	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer { return sale.Answer{Kind: sale.Pending, ClaimID: claimed} }
	r := w.submit(t, buy, form)
	if to := r.Header.Get("Location"); !strings.HasPrefix(to, "/sales/second?claim=") {
		t.Errorf("a pending press leads to %s", to)
	}
	w.follow(t, r).shows(t, 200+2, `data-claim="/api/sales/second/claims/`+claimed.String()+`"`, "Clock")
	w.submit(t, buy, form, fragment("outcome")...).shows(t, 202, `data-claim="/api/sales/second/claims/`, `data-testid="total-stock">70<`)

	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer { return sale.Answer{Kind: sale.UnknownShopper} }
	w.follow(t, w.submit(t, buy, form)).shows(t, 200, "There is no such account", "Clock")

	w.browse(t, "/sales/second?check=1&username=alice").shows(t, 200, "purchased this item yet", "Clock")
	w.send(t, "GET", "/sales/second?check=1&username=alice", "", fragment("outcome")...).shows(t, 200, testID("user-purchase-status"))
	for _, asked := range w.checkout.asked {
		if asked != "second|alice" {
			t.Errorf("asked %s", asked)
		}
	}
	accounts := newWorld(t, accountsMode)
	accounts.add(secondSale(sale.Open))
	if r := accounts.submit(t, buy, nil, "Test-Session: expired"); r.Header.Get("Location") != "/sign-in?next=%2Fsales%2Fsecond%3Fbuy%3D1" {
		t.Errorf("a press without a session leads to %s", r.Header.Get("Location"))
	}
}

func TestSeveralSalesAreAListOutsideDemoMode(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	sales := []sale.Snapshot{
		activeSale(), secondSale(sale.Draft),
		secondSale(sale.Scheduled, func(s *sale.Snapshot) {
			s.ID, s.Slug, s.StartsAt, s.EndsAt = 3, "later", noon.Add(2*day), noon.Add(3*day)
		}),
		secondSale(sale.Scheduled, func(s *sale.Snapshot) {
			s.ID, s.Slug, s.StartsAt, s.EndsAt = 4, "sooner", noon.Add(day), noon.Add(3*day)
		}),
		secondSale(sale.Closed, func(s *sale.Snapshot) {
			s.ID, s.Slug, s.StartsAt, s.EndsAt = 5, "older", noon.Add(-3*day), noon.Add(-2*day)
		}),
		secondSale(sale.Closed, func(s *sale.Snapshot) {
			s.ID, s.Slug, s.StartsAt, s.EndsAt = 6, "old", noon.Add(-2*day), noon.Add(-day)
		}),
	}
	w := newWorld(t, accountsMode)
	w.catalog.snaps = sales
	r := w.browse(t, "/")
	r.shows(t, 200, testID("drops-live"), testID("drops-next"), testID("drops-past"), "$298.95", "/static/a.svg", `datetime="2026-01-02T12:00:00.000Z"`, testID("sign-in-link"))
	r.lacks(t, "/sales/second", testID("purchase-section"))
	last := 0
	for _, path := range []string{"first", "sooner", "later", "old", "older"} {
		at := strings.Index(r.raw, `href="/sales/`+path+`"`)
		if at < last {
			t.Errorf("%s stands at %d, after %d", path, at, last)
		}
		last = at
	}
	w.browse(t, "/?lang=de").shows(t, 200, "Unsere Drops", "Demnächst")
	w.browse(t, "/", "Test-Session: alice").shows(t, 200, testID("account-link"), "<bdi>alice</bdi>", testID("drops-live"))
	// What a form or a sign-in led to before there were several still leads to a sale.
	w.browse(t, "/?buy=1", "Test-Session: alice").shows(t, 200, testID("purchase-section"), "Lamp")

	for i := range 120 {
		w.add(secondSale(sale.Closed, func(s *sale.Snapshot) { s.ID, s.StartsAt, s.EndsAt = int64(100+i), noon.Add(-4*day), noon.Add(-3*day) }))
	}
	waitFor(t, func() bool { return strings.Count(w.browse(t, "/").raw, testID("drop")) == 53 })

	one := newWorld(t, accountsMode)
	one.add(secondSale(sale.Draft))
	one.browse(t, "/").shows(t, 200, testID("purchase-section"), "Lamp")
	demo := newWorld(t)
	demo.catalog.snaps = sales
	demo.browse(t, "/").shows(t, 200, testID("purchase-section"), "Lamp")
}

func TestASaleThatIsOverLeadsToTheNextDrop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browse(t, "/").lacks(t, testID("next-drop"))
	w.add(secondSale(sale.Draft, func(s *sale.Snapshot) { s.ID, s.Slug = 7, "secret" }))
	w.add(secondSale(sale.Scheduled, func(s *sale.Snapshot) { s.StartsAt, s.EndsAt = noon.Add(time.Hour), noon.Add(2*time.Hour) }))
	w.catalog.change(func(s *sale.Snapshot) { s.Taken = s.Total })
	for _, path := range []string{"/", "/?tab=main"} {
		r := w.browse(t, path)
		r.shows(t, 200, testID("next-drop"), `href="/sales/second"`, "Clock")
		r.lacks(t, "secret")
	}
}
