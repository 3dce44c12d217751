package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"flashsale/sale"
)

// What a brand says of one sale is set by programs and by the form, and comes back to the form as it was.
func TestWhatShoppersReadIsSet(t *testing.T) {
	t.Parallel()
	form := url.Values{
		"details": {"warm\r\n\r\nlight"}, "specification": {"Weight: 248 g\r\nSize: M"}, "importantInfo": {"https://example.com/terms"},
		"textUpcoming": {"Sign in now."}, "textPaused": {""}, "If-Match": {`"9"`},
	}
	long := form
	long.Set("importantInfo", strings.Repeat(strings.Repeat("ä", 300)+"\n", 20)+"https://example.com/terms")
	for name, c := range map[string]struct{ method, body, kind string }{
		"a program": {"PATCH", `{"details":["warm","light"],"specification":["Weight: 248 g","Size: M"],"importantInfo":["https://example.com/terms"],"textUpcoming":"Sign in now.","textPaused":""}`, "Content-Type: application/json"},
		"a form":    {"POST", long.Encode(), "Content-Type: application/x-www-form-urlencoded"},
	} {
		w := newWorld(t)
		res := w.send(t, c.method, "/api/admin/sales/first", c.body, c.kind, `If-Match: "9"`)
		to := w.ops.amendment
		if res.StatusCode != http.StatusOK || to.Details == nil || strings.Join(*to.Details, ",") != "warm,light" || to.Specification == nil || len(*to.Specification) != 2 || to.Texts == nil {
			t.Errorf("%s: %d %s, amends %+v", name, res.StatusCode, res.raw, to)
			continue
		}
		if text, given := (*to.Texts)[sale.Stopped]; !given || text != "" || (*to.Texts)[sale.Upcoming] != "Sign in now." || len(*to.Texts) != 2 {
			t.Errorf("%s: %v", name, *to.Texts)
		}
	}
	w := newWorld(t)
	for field, wrong := range map[string]string{
		"details": strings.Repeat("x", sale.MaxLine+1), "specification": "no colon", "importantInfo": "a\x00b", "textEnded": strings.Repeat("x", sale.MaxMessage+1), "textActive": "two\nlines",
	} {
		res := w.send(t, "POST", "/api/admin/sales/first", url.Values{field: {wrong}}.Encode(), "Content-Type: application/x-www-form-urlencoded", `If-Match: "9"`)
		if res.problem(t, 422, "invalid-request"); !strings.Contains(res.raw, `"field":"`+field+`"`) {
			t.Errorf("%s: %s", field, res.raw)
		}
	}
	w.send(t, "PATCH", "/api/admin/sales/first", `{"details":["a\nb"]}`, `If-Match: "9"`).problem(t, 422, "invalid-request")
	w.send(t, "PATCH", "/api/admin/sales/first", `{"importantInfo":"`+strings.Repeat(" ", 65<<10)+`"}`, `If-Match: "9"`).problem(t, 413, "too-large")
}

func TestTheFormOfASaleShowsItsTexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	w.catalog.change(func(s *sale.Snapshot) {
		p := *s.Product
		p.Specification, p.ImportantInfo = []sale.Fact{{Name: "Weight", Value: "<b>248 g"}}, []string{"No returns.", "https://example.com/terms"}
		s.Product, s.Texts = &p, &sale.Texts{Upcoming: "Sign in <now>.", Active: "Go!"}
	})
	form := w.send(t, "GET", "/admin/sales/first/edit", "", "Accept: text/html", "Test-Session: root!")
	for _, want := range []string{"Weight: &lt;b&gt;248 g", "No returns.\nhttps://example.com/terms", `value="Sign in &lt;now&gt;."`, `value="Go!"`, `name="textSoldOut"`} {
		if !strings.Contains(form.raw, want) {
			t.Errorf("the form lacks %q", want)
		}
	}
	page := w.send(t, "GET", "/sales/first", "", "Accept: text/html")
	for _, want := range []string{`<a href="https://example.com/terms" rel="noopener">`, "<li>No returns.</li>", "Go!", "&lt;b&gt;248 g"} {
		if !strings.Contains(page.raw, want) {
			t.Errorf("shoppers do not read %q", want)
		}
	}
	// What an operator says during the sale comes first.
	w.catalog.change(func(s *sale.Snapshot) { s.Message, s.Revision = "Back at 10:15", s.Revision+1 })
	if page := w.send(t, "GET", "/sales/first?tab=main", "", "Accept: text/html"); strings.Contains(page.raw, "Go!") || !strings.Contains(page.raw, "Back at 10:15") {
		t.Error("the message is not before the sentence of the state")
	}
}
