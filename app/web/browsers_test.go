package web

import (
	"net/http"
	"strings"
	"testing"

	"flashsale/sale"
)

// Every route that answers both JSON and HTML: what a browser is shown, by scripts or without, and that others get JSON.
func TestPagesAreForBrowsers(t *testing.T) {
	t.Parallel()
	form := "Content-Type: application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		method, target, body string
		piece                string // what htmx is sent
		whole                string // what a browser without scripts is sent; "": a redirect
	}{
		"a purchase":           {"POST", buy, "username=Alice", "Success! The unit is yours.", ""},
		"a refused body":       {"POST", buy, "username=", "The name is required", ""},
		"a check of an owner":  {"GET", buy + "/owner", "", "You have already purchased this item!", "You have already purchased this item!"},
		"a check":              {"GET", buy + "/alice", "", "You haven&#39;t purchased this item yet", "You haven&#39;t purchased this item yet"},
		"a claim":              {"GET", "/api/flash-sale/claims/" + orderA, "", "Success! The unit is yours.", ""},
		"the users":            {"GET", "/api/users", "", "Total: 0 users", "Total: 0 users"},
		"a reset":              {"POST", "/api/flash-sale/reset", "resetToSmallStock=true", "The sale was reset: 5 units, nothing sold", ""},
		"a preset":             {"POST", "/api/flash-sale/stock-preset/small", "", "Preset small is set: 5 units, at least 15 shoppers", ""},
		"new stock":            {"POST", "/api/flash-sale/update-stock", "stockAmount=5", "The stock is now 5 units, 2 of them sold", ""},
		"seeding":              {"POST", "/api/users/seed", "userCount=3", "The first 3 shoppers of the series exist, 3 of them new", ""},
		"archiving":            {"DELETE", "/api/users/reset", "", "All 12 shoppers were archived; seeding brings a name back as the same person", ""},
		"a pause":              {"POST", "/api/admin/pause", "", "The sale is paused", ""},
		"verifying":            {"POST", "/api/admin/verify", "", "Every invariant that can be checked from here holds", ""},
		"an unknown preset":    {"POST", "/api/flash-sale/stock-preset/x", "", "Choose small, medium, large or extreme.", "Choose small, medium, large or extreme."},
		"an address of nobody": {"GET", "/nothing", "", "There is nothing at this address", "There is nothing at this address"},
		"a wrong method":       {"PUT", "/api/users", "", "This address only works from its own page", "This address only works from its own page"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ask := func(field string) reply {
				w := newWorld(t)
				w.checkout.receipts["owner"] = receipt("owner")
				w.checkout.claim = sale.ClaimState{State: sale.ClaimOrdered, Receipt: receipt("alice"), Username: "alice"}
				return w.send(t, c.method, c.target, c.body, form, field)
			}
			html := func(r reply) bool { return strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") }
			if r := ask("HX-Request: true"); !html(r) || !strings.Contains(r.raw, c.piece) || strings.Contains(r.raw, "<html") {
				t.Errorf("htmx gets %d %s", r.StatusCode, r.raw)
			}
			r := ask("Accept: text/html,*/*;q=0.8")
			if c.whole == "" && r.StatusCode != http.StatusSeeOther {
				t.Errorf("without scripts: %d, want a redirect", r.StatusCode)
			}
			if c.whole != "" && (!html(r) || !strings.Contains(r.raw, c.whole) || !strings.Contains(r.raw, "<html")) {
				t.Errorf("without scripts: %d %s", r.StatusCode, r.raw)
			}
			if r := ask("Accept: */*"); r.json == nil {
				t.Errorf("without a wish for HTML: %d %s", r.StatusCode, r.raw)
			}
		})
	}
}

// A page shows a claim as the answer to the purchase request that made it.
func TestAPageShowsWhatBecameOfAClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for state, c := range map[sale.ClaimStatus]struct {
		status int
		says   string
	}{
		sale.ClaimOrdered:  {http.StatusOK, "Success! The unit is yours."},
		sale.ClaimDeclined: {http.StatusConflict, "Everything is sold out"},
		sale.ClaimPending:  {http.StatusAccepted, "Your purchase is being confirmed."},
		sale.ClaimGone:     {http.StatusGone, "Nothing was bought"},
	} {
		w.checkout.claim = sale.ClaimState{State: state, Reason: sale.ReasonSoldOut, Receipt: receipt("alice")}
		res := w.send(t, "GET", "/?claim="+orderA+"&at=1.2", "", "Accept: text/html")
		if res.StatusCode != c.status || !strings.Contains(res.raw, c.says) {
			t.Errorf("%s: %d %s", state, res.StatusCode, res.raw)
		}
		if reloads := strings.Contains(res.raw, `<noscript><meta http-equiv="refresh"`); reloads != (state == sale.ClaimPending) {
			t.Errorf("%s: reloads itself %t", state, reloads)
		}
	}
}
