package instance

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// operatorForm is a form of the users' tab as a browser has it: where it is sent, and its fields.
type operatorForm struct {
	path   string
	fields url.Values
}

// with is the form with another value in one of its fields.
func (f operatorForm) with(name, value string) operatorForm {
	next := operatorForm{f.path, url.Values{}}
	for n, v := range f.fields {
		next.fields[n] = v
	}
	next.fields.Set(name, value)
	return next
}

var (
	formTag  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)".*?</form>`)
	inputTag = regexp.MustCompile(`<input[^>]*>`)
	named    = regexp.MustCompile(` name="([^"]*)"`)
	valued   = regexp.MustCompile(` value="([^"]*)"`)
)

// formsOf are the operators' forms of a page, by their names: the end of the address, and for a reset whether it keeps the total.
func formsOf(t *testing.T, page string) map[string]operatorForm {
	t.Helper()
	all := map[string]operatorForm{}
	for _, form := range formTag.FindAllStringSubmatch(page, -1) {
		f := operatorForm{html.UnescapeString(form[1]), url.Values{}}
		for _, input := range inputTag.FindAllString(form[0], -1) {
			name, value := named.FindStringSubmatch(input), valued.FindStringSubmatch(input)
			if name != nil && value != nil {
				f.fields.Add(html.UnescapeString(name[1]), html.UnescapeString(value[1]))
			}
		}
		name := f.path[strings.LastIndexByte(f.path, '/')+1:]
		if f.fields.Get("resetToSmallStock") == "false" {
			name = "maintain"
		}
		all[name] = f
	}
	for _, name := range []string{"small", "medium", "large", "extreme", "update-stock", "reset", "maintain", "seed"} {
		if all[name].path == "" {
			t.Fatalf("the page has no form %s", name)
		}
	}
	return all
}

// browsed is an answer to a browser.
type browsed struct {
	status int
	header http.Header
	page   string
}

// browse sends what a browser sends: a GET, or the form. htmx says whether the page's script sends it.
func browse(t *testing.T, c *client, form *operatorForm, path string, htmx bool) browsed {
	t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, path, body = http.MethodPost, form.path, strings.NewReader(form.fields.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.Base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if htmx {
		req.Header.Set("HX-Request", "true")
		req.Header.Set("HX-Target", "div#operator-outcome")
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return browsed{res.StatusCode, res.Header, string(raw)}
}

func page(t *testing.T, c *client) map[string]operatorForm {
	t.Helper()
	return formsOf(t, browse(t, c, nil, "/?tab=users", false).page)
}

func submit(t *testing.T, c *client, form operatorForm, htmx bool) browsed {
	t.Helper()
	return browse(t, c, &form, "", htmx)
}

// "Reset" pressed twice began two generations, and what was bought between them was swept away. The same holds for every form.
func TestAFormThatIsSentTwiceActsOnce(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	for _, name := range []string{"reset", "maintain", "small", "medium", "update-stock", "seed"} {
		for _, htmx := range []bool{false, true} {
			want := http.StatusSeeOther
			if htmx {
				want = http.StatusOK
			}
			before, revision := a.audited(t), c.Status().Number("revision")
			form := page(t, c)[name]
			first, second := submit(t, c, form, htmx), submit(t, c, form, htmx)
			if first.status != want || second.status != want {
				t.Errorf("%s: answered %d, then %d %s", name, first.status, second.status, second.page)
			}
			if n := a.audited(t) - before; n != 1 {
				t.Errorf("%s: a form that is sent twice is %d acts", name, n)
			}
			if now := c.Status().Number("revision"); name != "seed" && now != revision+1 {
				t.Errorf("%s: the revision goes from %v to %v", name, revision, now)
			}
		}
	}
}

// Two submissions at the same moment: the second waits for the first, because its answer is the one that a browser shows.
func TestAFormThatIsSentTwiceAtOnceActsOnce(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	form := page(t, c)["reset"]
	release := a.lockRows(t, `SELECT FROM products FOR UPDATE`)
	defer release()
	var both sync.WaitGroup
	var answers [2]browsed
	for i := range answers {
		both.Go(func() { answers[i] = submit(t, c, form, false) })
	}
	waiting := `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%products%' AND pid <> pg_backend_pid()`
	eventually(t, "one of them waits for the sale", func() bool {
		var n int
		return a.wiring.servers.pool.QueryRow(t.Context(), waiting).Scan(&n) == nil && n > 0
	})
	release()
	both.Wait()
	for _, r := range answers {
		if r.status != http.StatusSeeOther {
			t.Errorf("answered %d %s", r.status, r.page)
		}
	}
	if now := c.Status(); now.Number("generation") != 2 {
		t.Errorf("it is generation %v", now.Number("generation"))
	}
}

// A form that was made before a colleague's act overwrote what the colleague had set. It is refused in a sentence, and
// the page that says so shows what the colleague has set and has forms for that.
func TestAFormFromBeforeAColleaguesActChangesNothing(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	for _, name := range []string{"update-stock", "reset", "maintain", "small", "large"} {
		for _, htmx := range []bool{false, true} {
			form := page(t, c)[name]
			seen := c.Status().Number("revision")
			r := submit(t, c, page(t, c)["update-stock"].with("stockAmount", "77"), false)
			if r.status != http.StatusSeeOther {
				t.Fatalf("the colleague is answered %d %s", r.status, r.page)
			}
			r = submit(t, c, form.with("stockAmount", "5"), htmx)
			const sentence = "Somebody else changed the sale, and nothing was done"
			if r.status != http.StatusPreconditionFailed || !strings.Contains(r.page, sentence) || !strings.Contains(r.page, `data-testid="reset-message"`) {
				t.Errorf("%s: answered %d, without %q: %s", name, r.status, sentence, r.page)
			}
			if !strings.Contains(r.page, `data-testid="total-stock">77<`) {
				t.Errorf("%s: the present stock is not shown beside: %s", name, r.page)
			}
			now := c.Status()
			if now.Number("revision") != seen+1 || now.Number("maxStock") != 77 {
				t.Errorf("%s: the colleague's stock is overwritten: %s", name, now.Raw)
			}
			if tag := r.header.Get("ETag"); tag != fmt.Sprintf(`"%.0f"`, seen+1) {
				t.Errorf("%s: the next press is not told its revision, ETag %s", name, tag)
			}
			if htmx {
				continue
			}
			if again := submit(t, c, formsOf(t, r.page)[name].with("stockAmount", "5"), false); again.status != http.StatusSeeOther {
				t.Errorf("%s: the form of the page that says so is answered %d %s", name, again.status, again.page)
			}
		}
	}
}

// A seeding overwrites nothing, so it is not bound to a revision.
func TestASeedingIsForEveryRevision(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	seed := page(t, c)["seed"]
	c.Act(http.MethodPost, "/api/flash-sale/reset", nil).Is(t, http.StatusOK, "")
	if r := submit(t, c, seed, false); r.status != http.StatusSeeOther {
		t.Errorf("answered %d %s", r.status, r.page)
	}
}

// The key and the revision of a form are its conditions and not part of the act; what else it says is.
func TestTheConditionsOfAFormAreNotPartOfItsAct(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	stock := page(t, c)["update-stock"]
	if r := submit(t, c, stock.with("stockAmount", "9"), true); r.status != http.StatusOK {
		t.Fatalf("answered %d %s", r.status, r.page)
	}
	if r := submit(t, c, stock.with("stockAmount", "9").with("If-Match", `"999"`), true); r.status != http.StatusOK {
		t.Errorf("the repeat with another revision is answered %d %s", r.status, r.page)
	}
	if r := submit(t, c, stock.with("stockAmount", "8"), true); r.status != http.StatusUnprocessableEntity {
		t.Errorf("another stock under the same key is answered %d %s", r.status, r.page)
	}
	for _, name := range []string{"Idempotency-Key", "If-Match"} {
		twice := stock.with("stockAmount", "9")
		form := twice.fields.Encode() + "&" + url.QueryEscape(name) + "=" + url.QueryEscape(`"x"`)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Base+stock.path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set(name, `"y"`)
		res, err := c.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(raw), `"field":"`+name+`"`) {
			t.Errorf("two values of %s are answered %d %s", name, res.StatusCode, raw)
		}
	}
}
