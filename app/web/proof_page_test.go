package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"flashsale/app/operator"
	"flashsale/sale"
)

var provedID = uuid.MustParse("7f14e45f-ceea-467a-9a36-dedd4bea2543")

func (f *fakeOperations) report() operator.Report {
	r := operator.Report{
		ID: provedID, Began: noon, TookMillis: 1234, By: "root", Process: "p1", Version: "1.2.3", OK: true, Checks: f.checks,
		Sales: []operator.ProvedSale{{Slug: "first", Generation: 3, Total: 5, Taken: 2, Orders: 2, Shoppers: 2, Units: 2}}, EndedGenerations: 4, EndedOrders: 17,
	}
	for _, c := range f.checks {
		r.OK = r.OK && c.State != operator.Broken
	}
	return r
}

func (f *fakeOperations) Prove(_ context.Context, a operator.Act, _, _ string) (operator.Report, error) {
	f.calls, f.acts = append(f.calls, "prove "+a.Key), append(f.acts, a)
	return f.report(), f.err
}

func (f *fakeOperations) Reports(context.Context, int) ([]operator.Report, error) {
	return []operator.Report{f.report()}, f.err
}

func (f *fakeOperations) Report(_ context.Context, id uuid.UUID) (operator.Report, error) {
	if id != provedID {
		return operator.Report{}, operator.ErrNoReport
	}
	return f.report(), f.err
}

// The page says what memory knows and lists reports. Looking at it checks nothing.
func TestTheProofIsLookedAtAndAskedFor(t *testing.T) {
	t.Parallel()
	const html, viewer = "Accept: text/html", "Test-Session: vera?"
	w := newWorld(t, accountsMode)
	w.ops.checks = []operator.Check{
		{ID: "I1", Title: "units", State: operator.OK}, {ID: "I5", Title: "log", State: operator.Broken, Detail: "claim <1> has no verdict"}, {ID: "I3", Title: "receipts", State: operator.Unknown},
	}
	page := w.send(t, http.MethodGet, "/admin/proof", "", html, viewer)
	for _, want := range []string{"Check everything now", "2 sold + 0 pending + 3 free = 5 units. Sales: 1", "/admin/proof/" + provedID.String(), "1 broken", "1 hold, 1 cannot be seen", `aria-current="page"`} {
		if !strings.Contains(page.raw, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if page.StatusCode != http.StatusOK || len(w.ops.calls) > 0 {
		t.Fatalf("%d, called %q", page.StatusCode, w.ops.calls)
	}
	done := w.send(t, http.MethodPost, "/api/admin/proof", "Idempotency-Key=k1", "Content-Type: application/x-www-form-urlencoded", html, viewer)
	if to := done.Header.Get("Location"); done.StatusCode != http.StatusSeeOther || to != "/admin/proof/"+provedID.String() || w.ops.calls[0] != "prove k1" || w.ops.acts[0].Principal != "vera" {
		t.Errorf("the button: %d to %q, called %q", done.StatusCode, to, w.ops.calls)
	}
	program := w.send(t, http.MethodPost, "/api/admin/proof", "", viewer)
	if program.has(t, map[string]any{"ok": false, "tookMillis": 1234, "version": "1.2.3"}); program.StatusCode != http.StatusCreated || program.Header.Get("Location") != "/api/admin/proof/"+provedID.String() {
		t.Errorf("a program: %d %s", program.StatusCode, program.raw)
	}

	report := w.send(t, http.MethodGet, "/admin/proof/"+provedID.String(), "", html, viewer)
	for _, want := range []string{"claim &lt;1&gt; has no verdict", "Every press that was acknowledged gets its verdict.", "1.2.3", "4 earlier generations have 17 live orders.", `data-testid="counts"`, "as=text"} {
		if !strings.Contains(report.raw, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	file := w.send(t, http.MethodGet, "/api/admin/proof/"+provedID.String()+"?as=text", "", viewer)
	if h := file.Header; !strings.HasPrefix(h.Get("Content-Type"), "text/plain") || h.Get("Content-Disposition") != `attachment; filename="proof-20260101-120000.txt"` || h.Get("Cache-Control") != "private, no-store" ||
		!strings.Contains(file.raw, "AN INVARIANT IS BROKEN") || !strings.Contains(file.raw, "first, generation 3: 2 of 5 units taken; 2 live orders of 2 shoppers on 2 units") {
		t.Errorf("as text: %v %s", h, file.raw)
	}
	if doc := w.send(t, http.MethodGet, "/api/admin/proof/"+provedID.String(), "", viewer); !strings.HasSuffix(doc.Header.Get("Content-Disposition"), `.json"`) || doc.json["ok"] != false {
		t.Errorf("as JSON: %s", doc.raw)
	}
	for _, path := range []string{"/api/admin/proof/" + uuid.NewString(), "/api/admin/proof/x"} {
		w.send(t, http.MethodGet, path, "", viewer).problem(t, 404, "not-found")
	}
	w.send(t, http.MethodGet, "/api/admin/proof/"+provedID.String()+"?as=pdf", "", viewer).problem(t, 422, "invalid-request")
	if none := w.send(t, http.MethodGet, "/admin/proof", "", html, "Test-Session: alice"); none.StatusCode != http.StatusForbidden {
		t.Errorf("a shopper gets %d", none.StatusCode)
	}
}

// What a check found is said in the language of the reader; the files stay in English, and so does a report of a version before.
func TestAReportIsInTheLanguageOfItsReader(t *testing.T) {
	t.Parallel()
	const html = "Accept: text/html"
	w := newWorld(t)
	inner := operator.Sentences{{Key: "sale %d generation %d: the limit is not the total", Args: []any{int64(1), int64(2)}}}
	w.ops.checks = []operator.Check{
		{ID: "I3", State: operator.Unknown, Detail: "only shoppers know", Said: operator.Sentences{{Key: "only shoppers know their receipts; `flashsale stress` checks it"}}},
		{ID: "I4", State: operator.Unknown, Detail: "in English", Said: operator.Sentences{
			{Key: "claims in the log are still to be decided, their places have no order yet: %s", Args: []any{inner}}, {Key: "Redis or the ledger does not answer: %s", Args: []any{"EOF 100%"}},
		}},
		{ID: "I5", State: operator.Broken, Detail: "claim 5 has no verdict"},
	}
	path := "/admin/proof/" + provedID.String()
	w.browse(t, path, html, "Accept-Language: de").shows(t, 200, "nur Kunden kennen ihre Belege", "claim 5 has no verdict",
		"Ansprüche im Log sind noch zu entscheiden, ihre Plätze haben noch keine Bestellung: Verkauf 1, Durchgang 2: Die Grenze ist nicht die Gesamtzahl; Redis oder die Datenbank antwortet nicht: EOF 100%")
	w.browse(t, path, html).shows(t, 200, "only shoppers know their receipts", "have no order yet: sale 1 generation 2: the limit is not the total; Redis or the ledger does not answer: EOF 100%")
	for _, file := range []string{"/api" + path + "?as=text", "/api" + path} {
		if r := w.send(t, http.MethodGet, file, "", "Accept-Language: de"); !strings.Contains(r.raw, "in English") || strings.Contains(r.raw, "Ansprüche") {
			t.Errorf("%s: %s", file, r.raw)
		}
	}
}

func TestWhatMemoryKnowsOfThePromises(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*sale.Snapshot)
		state  string
		says   string
	}{
		"sold":  {func(*sale.Snapshot) {}, "ok", "2 sold + 0 pending + 3 free = 5 units. Sales: 1"},
		"draft": {func(s *sale.Snapshot) { s.State = sale.Draft }, "ok", "0 sold + 0 pending + 0 free = 0 units. Sales: 0"},
		"over":  {func(s *sale.Snapshot) { s.Taken = 6 }, "broken", "first"},
		"stale": {func(s *sale.Snapshot) { s.Stale = true }, "unknown", "does not answer"},
	} {
		w := newWorld(t)
		w.catalog.change(c.change)
		list, _ := w.send(t, http.MethodGet, "/api/admin/proof/live", "").json["invariants"].([]any)
		if len(list) != 8 {
			t.Fatalf("%s: %v", name, list)
		}
		first, _ := list[0].(map[string]any)
		if detail, _ := first["detail"].(string); first["state"] != c.state || !strings.Contains(detail, c.says) {
			t.Errorf("%s: %v", name, first)
		}
		part := w.send(t, http.MethodGet, "/api/admin/proof/live", "", "Accept: text/html")
		if !strings.HasPrefix(strings.TrimSpace(part.raw), "<ul") || !strings.Contains(part.raw, `data-promise="I8"`) {
			t.Errorf("%s: the part of the page is %s", name, part.raw)
		}
	}
}

// Those who have a role find the desk from the shop's pages; nobody else is shown a way that is closed to them.
func TestTheShopLeadsToTheDesk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	for who, shown := range map[string]bool{"alice": false, "vera?": true, "root!": true, "olga!!": true} {
		for _, path := range []string{"/sales/first", "/sales/first?tab=important"} {
			page := w.send(t, http.MethodGet, path, "", "Accept: text/html", "Test-Session: "+who)
			if strings.Contains(page.raw, `data-testid="desk-link"`) != shown {
				t.Errorf("%s on %s: shown is %t", who, path, !shown)
			}
		}
	}
	if page := w.send(t, http.MethodGet, "/", "", "Accept: text/html"); strings.Contains(page.raw, "desk-link") {
		t.Error("a stranger is led to the desk")
	}
}
