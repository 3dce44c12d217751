package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"flashsale/sale"
)

// A draft is seen by operators as shoppers will see it in each state; nothing on the page acts, and nobody keeps it.
func TestAPreviewIsTheShopsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	w.catalog.change(func(s *sale.Snapshot) {
		s.State, s.Taken, s.StartsAt, s.EndsAt = sale.Draft, 0, noon.Add(time.Hour), noon.Add(3*time.Hour)
		s.Texts = &sale.Texts{Upcoming: "Be early.", Paused: "Back <soon>.", SoldOut: "All gone.", Ended: "Until next week."}
	})
	get := func(query, who string) reply {
		return w.send(t, http.MethodGet, "/admin/sales/first/preview"+query, "", "Accept: text/html", "Test-Session: "+who)
	}
	for query, want := range map[string][]string{
		"":                           {"Be early.", `data-status="upcoming"`, "01:00:00"},
		"?state=upcoming":            {"Be early.", `data-status="upcoming"`},
		"?state=active":              {`data-status="active"`, "Flash Sale Live!"},
		"?state=paused":              {"Back &lt;soon&gt;.", `data-status="paused"`},
		"?state=sold-out":            {"All gone.", `data-status="sold-out"`},
		"?state=ended":               {"Until next week.", `data-status="ended"`},
		"?state=ended&tab=important": {`id="panel-important" aria-labelledby="tab-important" tabindex="0">`},
	} {
		page := get(query, "vera?")
		if page.StatusCode != http.StatusOK || page.Header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%q: %d, kept as %q", query, page.StatusCode, page.Header.Get("Cache-Control"))
		}
		for _, one := range append(want, `data-testid="preview"`, "Lamp", "$298.95", `aria-current="page"`) {
			if !strings.Contains(page.raw, one) {
				t.Errorf("%q lacks %q", query, one)
			}
		}
		for _, wrong := range []string{`id="purchase"`, "/api/", "data-stream", "live.js", "press.", "htmx", "/static/live", "rel=\"canonical\""} {
			if strings.Contains(page.raw, wrong) {
				t.Errorf("%q has %q", query, wrong)
			}
		}
	}
	if page := get("?state=other", "vera?"); page.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a state that there is not: %d", page.StatusCode)
	}
	if page := get("", "alice"); page.StatusCode != http.StatusForbidden {
		t.Errorf("a shopper gets %d", page.StatusCode)
	}
	// A message is about the moment: it is shown in the state that the sale has.
	w.catalog.change(func(s *sale.Snapshot) { s.Message = "Back at 10:15" })
	if now, later := get("?state=upcoming", "root!"), get("?state=paused", "root!"); !strings.Contains(now.raw, "Back at 10:15") || strings.Contains(later.raw, "Back at 10:15") {
		t.Error("a message is shown in another state than that of the sale")
	}
	if len(w.ops.calls) > 0 {
		t.Errorf("called %q", w.ops.calls)
	}
}
