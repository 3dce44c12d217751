package web

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/sale"
)

// recordedPages remembers what the handlers hand over.
type recordedPages struct {
	calls   []string
	answer  sale.Answer
	problem Problem
	list    userList
	fails   error
}

func (p *recordedPages) show(c echo.Context, call string) error {
	p.calls = append(p.calls, call)
	if p.fails != nil {
		return p.fails
	}
	return c.HTML(http.StatusOK, call)
}

func (p *recordedPages) Routes() []route { return nil }

func (p *recordedPages) Purchase(c echo.Context, a sale.Answer, name string) error {
	p.answer = a
	return p.show(c, "purchase "+name)
}

func (p *recordedPages) Checked(c echo.Context, name string, r sale.Receipt, found bool) error {
	if found {
		return p.show(c, "checked "+name+" owns "+itoa64(r.Unit))
	}
	return p.show(c, "checked "+name)
}

func (p *recordedPages) Users(c echo.Context, l userList) error {
	p.list = l
	return p.show(c, "users")
}

func (p *recordedPages) Done(c echo.Context, message string) error {
	return p.show(c, "done: "+message)
}

func (p *recordedPages) Problem(c echo.Context, problem Problem) error {
	p.problem = problem
	return p.show(c, "problem "+problem.Type)
}

func (p *recordedPages) Frame(s sale.Snapshot) []byte {
	return []byte("<p>" + s.Slug + "</p>\n<p>2</p>")
}

func TestBrowsersAreHandedToThePages(t *testing.T) {
	t.Parallel()
	form := "Content-Type: application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		method, target, body string
		call                 string
	}{
		"a purchase":           {"POST", buy, "username=Alice", "purchase alice"},
		"a refused body":       {"POST", buy, "username=", "problem /problems/invalid-request"},
		"a check of an owner":  {"GET", buy + "/owner", "", "checked owner owns 3"},
		"a check":              {"GET", buy + "/alice", "", "checked alice"},
		"a claim":              {"GET", "/api/flash-sale/claims/" + orderA, "", "purchase alice"},
		"the users":            {"GET", "/api/users", "", "users"},
		"a reset":              {"POST", "/api/flash-sale/reset", "resetToSmallStock=true", "done: The sale was reset: 5 units, nothing sold"},
		"a preset":             {"POST", "/api/flash-sale/stock-preset/small", "", "done: Preset small is set: 5 units, at least 15 shoppers"},
		"new stock":            {"POST", "/api/flash-sale/update-stock", "stockAmount=5", "done: The stock is now 5 units, 2 of them sold"},
		"seeding":              {"POST", "/api/users/seed", "userCount=3", "done: The first 3 shoppers of the series exist, 3 of them new"},
		"archiving":            {"DELETE", "/api/users/reset", "", "done: All 12 shoppers were archived; seeding brings a name back as the same person"},
		"a pause":              {"POST", "/api/admin/pause", "", "done: The sale is paused"},
		"verifying":            {"POST", "/api/admin/verify", "", "done: Every invariant that can be checked from here holds"},
		"an unknown preset":    {"POST", "/api/flash-sale/stock-preset/x", "", "problem /problems/unknown-preset"},
		"an address of nobody": {"GET", "/nothing", "", "problem /problems/not-found"},
		"a wrong method":       {"PUT", "/api/users", "", "problem /problems/method-not-allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, asks := range []string{"Accept: text/html,*/*;q=0.8", "HX-Request: true"} {
				w, pages := newWorld(t), &recordedPages{}
				w.pages = pages
				w.checkout.receipts["owner"] = receipt("owner")
				w.checkout.claim = sale.ClaimState{State: sale.ClaimOrdered, Receipt: receipt("alice"), Username: "alice"}
				res := w.send(t, c.method, c.target, c.body, form, asks)
				if len(pages.calls) != 1 || pages.calls[0] != c.call || res.raw != c.call {
					t.Errorf("%s: the pages got %q and sent %q, want %q", asks, pages.calls, res.raw, c.call)
				}
			}
			w, pages := newWorld(t), &recordedPages{}
			w.pages = pages
			w.send(t, c.method, c.target, c.body, form, "Accept: */*")
			if len(pages.calls) != 0 {
				t.Errorf("without a wish for HTML the pages got %q", pages.calls)
			}
		})
	}
}

func TestWithoutPagesEverybodyGetsJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pages = nil
	w.send(t, "POST", buy, `{"username":"alice"}`, "Accept: text/html").has(t, map[string]any{"success": true})
	w.send(t, "GET", "/nothing", "", "HX-Request: true").problem(t, 404, "not-found")
	w.send(t, "GET", "/live", "").problem(t, 404, "not-found")
}

func TestWhatThePagesGet(t *testing.T) {
	t.Parallel()
	w, pages := newWorld(t), &recordedPages{}
	w.pages = pages
	html := "Accept: text/html"
	w.checkout.receipts["alice"] = receipt("alice")
	w.send(t, "GET", "/api/flash-sale/purchase/"+strings.Repeat("x", 101), "", html)
	if p := pages.problem; p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Field != "userIdentifier" {
		t.Errorf("%+v", p)
	}
	for state, want := range map[sale.ClaimStatus]sale.Kind{
		sale.ClaimOrdered: sale.Bought, sale.ClaimDeclined: sale.Refused, sale.ClaimPending: sale.Pending,
	} {
		w.checkout.claim = sale.ClaimState{State: state, Reason: "sold-out", Receipt: receipt("alice")}
		res := w.send(t, "GET", "/api/flash-sale/claims/"+orderA+"?at=1.2", "", html)
		a := pages.answer
		if a.Kind != want || a.ClaimID != uuid.MustParse(orderA) || a.Position == nil || a.Position.Offset != 2 {
			t.Errorf("%s: %+v", state, a)
		}
		if pending := state == sale.ClaimPending; (res.Header.Get("Location") != "") != pending || (a.Reason == "sold-out") != (want == sale.Refused) {
			t.Errorf("%s: %+v %v", state, a, res.Header)
		}
	}
	w.checkout.claim = sale.ClaimState{State: sale.ClaimGone}
	w.send(t, "GET", "/api/flash-sale/claims/"+orderA, "", html)
	if pages.problem.Type != "/problems/not-bought" {
		t.Errorf("%+v", pages.problem)
	}
}

func TestAPageThatCannotBeRenderedIsAFault(t *testing.T) {
	t.Parallel()
	w, pages := newWorld(t), &recordedPages{fails: errors.New("template broke")}
	w.pages = pages
	w.send(t, "GET", "/api/users", "", "Accept: text/html").problem(t, 500, "internal")
	if !strings.Contains(w.logged.String(), "template broke") {
		t.Error("nothing was logged")
	}
	res := w.send(t, "POST", buy, `{"username":"alice"}`)
	if res.StatusCode != http.StatusCreated {
		t.Errorf("JSON is not concerned, but got %d", res.StatusCode)
	}
}

func TestFragmentsOfSeveralLinesStayOneEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pages = &recordedPages{}
	snap := activeSale()
	if got, want := string(w.pageFrame(&snap)), "id: 57\ndata: <p>first</p>\ndata: <p>2</p>\n\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
