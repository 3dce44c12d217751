package instance

import (
	"bufio"
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/users/login"
)

// deskVisitor is a browser without scripts on the desk.
type deskVisitor struct{ *visitor }

// look opens a page.
func (v deskVisitor) look(path string) reply {
	v.T.Helper()
	v.visitor.header = map[string]string{"Accept": "text/html"}
	return v.get(path)
}

// press sends the form of a page, with some fields typed, as a browser without scripts does.
func (v deskVisitor) press(page reply, typed url.Values) reply {
	v.T.Helper()
	action, fields := formOf(page.Raw)
	if action == "" {
		v.T.Fatalf("the page has no form: %s", page.Raw)
	}
	for name, values := range typed {
		fields[name] = values
	}
	return v.submit(action, fields)
}

func (v deskVisitor) submit(action string, fields url.Values) reply {
	v.T.Helper()
	r, err := http.NewRequestWithContext(v.T.Context(), http.MethodPost, v.Base+action, strings.NewReader(fields.Encode()))
	if err != nil {
		v.T.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	answer, err := v.HTTP.Do(r)
	if err != nil {
		v.T.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var body strings.Builder
	_, _ = bufio.NewReader(answer.Body).WriteTo(&body)
	return reply{Status: answer.StatusCode, Header: answer.Header, Raw: body.String()}
}

var (
	postForm   = regexp.MustCompile(`(?s)<form[^>]*method="post"[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	input      = regexp.MustCompile(`<input[^>]*>`)
	fieldName  = regexp.MustCompile(` name="([^"]*)"`)
	fieldValue = regexp.MustCompile(` value="([^"]*)"`)
)

// formOf is the address and the fields of the first form of a page that is sent by POST.
func formOf(page string) (action string, fields url.Values) {
	fields = url.Values{}
	found := postForm.FindStringSubmatch(page)
	if found == nil {
		return "", fields
	}
	for _, one := range input.FindAllString(found[2], -1) {
		name, v := fieldName.FindStringSubmatch(one), fieldValue.FindStringSubmatch(one)
		if name == nil || strings.Contains(one, `type="radio"`) && !strings.Contains(one, " checked") {
			continue
		}
		fields.Set(name[1], "")
		if v != nil {
			fields.Set(name[1], html.UnescapeString(v[1]))
		}
	}
	return html.UnescapeString(found[1]), fields
}

// A whole drop without scripts: each act is done by its page, and says what it did.
func TestADropIsRunWithoutScripts(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	v := deskVisitor{newVisitor(t, a.URL())}
	fields := url.Values{"slug": {"spring"}, "name": {"Spring"}, "price": {"19.90"}, "currency": {"EUR"}, "stock": {"10"}, "zone": {"Europe/Berlin"}, "start": {"2031-03-30T02:30"}, "end": {"2031-04-30T10:00"}}
	asked := v.press(v.look("/admin/sales/new"), fields)
	if asked.Status != http.StatusUnprocessableEntity || !strings.Contains(asked.Raw, `value="2031-03-30T00:30:00Z"`) || !strings.Contains(asked.Raw, `value="Spring"`) {
		t.Fatalf("an hour that does not exist is answered %d %s", asked.Status, asked.Raw)
	}
	fields.Set("startMeant", "2031-03-30T00:30:00Z")
	if r := v.press(asked, fields); r.Status != http.StatusSeeOther || r.Header.Get("Location") != "/admin/sales/spring?done=create" {
		t.Fatalf("the sale is answered %d %s", r.Status, r.Raw)
	}
	if r := v.press(v.look("/admin/sales/new"), fields); r.Status != http.StatusConflict || !strings.Contains(r.Raw, "slug-error") {
		t.Errorf("a slug that is taken is answered %d", r.Status)
	}
	if r := v.get("/api/admin/sales/spring"); r.Text("state") != "draft" || r.Text("startTime") != "2031-03-30T00:30:00.000Z" {
		t.Errorf("the draft is %s", r.Raw)
	}
	for _, step := range []struct{ page, state string }{
		{"schedule", "scheduled"}, {"open", "open"}, {"pause", "paused"}, {"resume", "open"}, {"extend?minutes=15", "open"},
		{"stock?how=take&amount=4", "open"}, {"message?message=back+soon", "open"}, {"close", ""}, {"reset?stock=7", "scheduled"},
	} {
		page := v.look("/admin/sales/spring/" + step.page)
		act, _, _ := strings.Cut(step.page, "?")
		first := v.press(page, nil)
		if first.Status != http.StatusSeeOther || first.Header.Get("Location") != "/admin/sales/spring?done="+act {
			t.Fatalf("%s: %d %s", step.page, first.Status, first.Raw)
		}
		r := v.get("/api/admin/sales/spring")
		if step.state != "" && r.Text("state") != step.state && !(act == "reset" && r.Text("state") == "open") {
			t.Errorf("after %s the sale is %s", step.page, r.Raw)
		}
		// The same form again is the same act.
		if again := v.press(page, nil); again.Status != http.StatusSeeOther || v.get("/api/admin/sales/spring").Number("revision") != r.Number("revision") {
			t.Errorf("%s twice: %d", step.page, again.Status)
		}
		if shown := v.look("/admin/sales/spring?done=" + act); !strings.Contains(shown.Raw, `data-testid="notice"`) {
			t.Errorf("%s leaves no notice", act)
		}
	}
	if r := v.get("/api/admin/sales/spring"); r.Number("total") != 7 || r.Text("message") != "back soon" {
		t.Errorf("in the end it is %s", r.Raw)
	}
	// What is not possible is said before, and refused when it is tried.
	if page := v.look("/admin/sales/spring/resume"); !strings.Contains(page.Raw, `data-testid="off"`) {
		t.Error("a sale that is not paused can be resumed")
	}
	if r := v.press(v.look("/admin/sales/spring/duplicate"), nil); r.Status != http.StatusSeeOther || r.Header.Get("Location") != "/admin/sales/spring-2?done=duplicate" {
		t.Errorf("duplicated: %d %s", r.Status, r.Raw)
	}
	for _, act := range []string{"archive", "bring-back"} {
		if r := v.press(v.look("/admin/sales/spring-2/"+act), nil); r.Status != http.StatusSeeOther {
			t.Errorf("%s: %d %s", act, r.Status, r.Raw)
		}
		if listed := strings.Contains(v.look("/admin/sales").Raw, `data-slug="spring-2"`); listed != (act == "bring-back") {
			t.Errorf("after %s it is in the list: %v", act, listed)
		}
	}
}

// A colleague's act in between is shown with both values; what stops a sale is done all the same.
func TestAnActShowsWhatAColleagueDidInBetween(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	v, colleague := deskVisitor{newVisitor(t, a.URL())}, newClient(t, a.URL())
	stock, pause := v.look("/admin/sales/flash-sale/stock?how=add&amount=50"), v.look("/admin/sales/flash-sale/pause")
	before := colleague.Status().Number("maxStock")
	colleague.Act(http.MethodPost, "/api/admin/sales/flash-sale/stock", map[string]any{"how": "add", "amount": 7}, `If-Match: *`).Is(t, http.StatusOK, "")
	r := v.press(stock, nil)
	if r.Status != http.StatusPreconditionFailed || !strings.Contains(r.Raw, `data-testid="changed"`) || !strings.Contains(r.Raw, "Last act") {
		t.Errorf("answered %d %s", r.Status, r.Raw)
	}
	if now := colleague.Status().Number("maxStock"); now != before+7 {
		t.Errorf("the stock is %v", now)
	}
	if r := v.press(r, nil); r.Status != http.StatusSeeOther || colleague.Status().Number("maxStock") != before+57 {
		t.Errorf("after a look at it: %d %s", r.Status, colleague.Status().Raw)
	}
	if r := v.press(pause, nil); r.Status != http.StatusSeeOther {
		t.Errorf("the stop button: %d %s", r.Status, r.Raw)
	}
	for _, act := range []string{"resume", "extend", "stock", "reset", "open", "message"} {
		colleague.Call(http.MethodPost, "/api/admin/sales/flash-sale/"+act, map[string]any{"minutes": 1, "how": "add", "amount": 1, "message": ""}).Is(t, http.StatusPreconditionRequired, "revision-required")
	}
}

// Nothing on the desk acts when it is only looked at: whoever follows every link as an owner changes no sale.
func TestFollowingEveryLinkOfTheDeskChangesNothing(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	v := deskVisitor{newVisitor(t, a.URL())}
	newClient(t, a.URL()).BuySettled("john_doe_1") // an order has pages of its own
	before := v.get("/api/admin/sales").Raw
	versions := regexp.MustCompile(`"(version|revision)":\d+`)
	seen, open := map[string]bool{}, []string{"/admin"}
	links := regexp.MustCompile(`(?:href|action)="(/admin[^"]*)"`)
	for len(open) > 0 {
		path := open[0]
		open = open[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		r := v.look(path)
		if r.Status >= http.StatusBadRequest {
			t.Errorf("%s: %d", path, r.Status)
		}
		if to := r.Header.Get("Location"); to != "" {
			open = append(open, to)
		}
		for _, l := range links.FindAllStringSubmatch(r.Raw, -1) {
			open = append(open, html.UnescapeString(l[1]))
		}
	}
	if len(seen) < 15 {
		t.Errorf("only %d pages: %v", len(seen), seen)
	}
	if after := v.get("/api/admin/sales").Raw; strings.Join(versions.FindAllString(after, -1), " ") != strings.Join(versions.FindAllString(before, -1), " ") {
		t.Errorf("before %s, after %s", before, after)
	}
}

// deskMember signs somebody with a role in.
func deskMember(t *testing.T, a *Instance, owner *visitor, name, role string) deskVisitor {
	t.Helper()
	r := owner.post("/api/admin/team/invitations", form{"role": role})
	link, err := url.Parse(r.Text("link"))
	if err != nil || r.Status != http.StatusCreated {
		t.Fatalf("an invitation: %d %s", r.Status, r.Raw)
	}
	v := newVisitor(t, a.URL())
	if r := v.post(link.Path, form{"username": name, "password": goodPassword}); r.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", name, r.Status, r.Raw)
	}
	return deskVisitor{v}
}

// Viewers look, operators act, and only an owner resets a sale that has orders, who types its slug. Both processes answer for both, and
// a stream ends with its session.
func TestTheDeskOutsideDemoMode(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.Demo, d.Config.MailDev, d.Config.OperatorSecondFactor, d.Config.MaxStock = false, true, false, 100
	one, two := d.start(t), d.start(t)
	link, err := one.wiring.acts.InviteFirstOwner(t.Context(), operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"})
	if err != nil {
		t.Fatal(err)
	}
	first := newVisitor(t, one.URL())
	if r := first.post("/invitations/"+link.Token, form{"username": "olga", "password": goodPassword}); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	owner := deskVisitor{first}
	viewer, acting := deskMember(t, one, first, "vera", login.Viewer.String()), deskMember(t, one, first, "oscar", login.Operator.String())
	for _, who := range []struct {
		name string
		deskVisitor
		looks, steps int
	}{{"nobody", deskVisitor{newVisitor(t, one.URL())}, http.StatusSeeOther, http.StatusSeeOther}, {"viewer", viewer, http.StatusOK, http.StatusForbidden}, {"operator", acting, http.StatusOK, http.StatusOK}} {
		if r := who.look("/admin/sales/flash-sale"); r.Status != who.looks || strings.Contains(r.Raw, "act-pause") != (who.name == "operator") {
			t.Errorf("%s looks: %d", who.name, r.Status)
		}
		if r := who.look("/admin/sales/flash-sale/pause"); r.Status != who.steps {
			t.Errorf("%s before an act: %d", who.name, r.Status)
		}
	}
	if r := viewer.submit("/api/admin/sales/flash-sale/pause", url.Values{}); r.Status != http.StatusForbidden {
		t.Errorf("a viewer pauses: %d", r.Status)
	}
	if r := owner.look("/admin/sales"); !strings.Contains(r.Raw, `href="/admin/team"`) || strings.Contains(acting.look("/admin/sales").Raw, `href="/admin/team"`) {
		t.Error("the way to the team is not the owners' alone")
	}
	checkResetsWithOrders(t, one, owner, acting)
	checkBothProcesses(t, one, two, viewer)
	checkStreamEnds(t, one, two, viewer)
}

func checkResetsWithOrders(t *testing.T, a *Instance, owner, acting deskVisitor) {
	t.Helper()
	buyer := newVisitor(t, a.URL())
	if !buyer.signUpByCode(a, "buyer@example.com", form{"username": "buyer"}) {
		t.Fatal("nobody can buy")
	}
	if r := buyer.buy(); r.Status != http.StatusCreated {
		t.Fatalf("%d %s", r.Status, r.Raw)
	}
	eventually(t, "the order is seen", func() bool { return owner.get("/api/admin/sales/flash-sale").Number("sold") == 1 })
	const page = "/admin/sales/flash-sale/reset?stock=20"
	typed := url.Values{"confirm": {"flash-sale"}}
	if r := acting.press(acting.look(page), typed); r.Status != http.StatusForbidden {
		t.Errorf("an operator resets a sale with orders: %d", r.Status)
	}
	if r := owner.press(owner.look(page), url.Values{"confirm": {"flash sale"}}); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Raw, "confirm-error") {
		t.Errorf("another name: %d", r.Status)
	}
	if r := owner.press(owner.look(page), typed); r.Status != http.StatusSeeOther {
		t.Errorf("the owner: %d %s", r.Status, r.Raw)
	}
	if r := owner.get("/api/admin/sales/flash-sale"); r.Number("generation") != 2 || r.Number("total") != 20 {
		t.Errorf("it is %s", r.Raw)
	}
	if r := acting.press(acting.look(page), nil); r.Status != http.StatusSeeOther {
		t.Errorf("an operator resets a sale without orders: %d %s", r.Status, r.Raw)
	}
}

// Each process answers for all: what was pressed at one is in the figures of the other.
func checkBothProcesses(t *testing.T, one, two *Instance, viewer deskVisitor) {
	t.Helper()
	elsewhere := deskVisitor{newVisitor(t, two.URL())}
	elsewhere.cookies = viewer.cookies
	figures := func() reply { return elsewhere.get("/api/admin/sales/flash-sale/figures") }
	eventually(t, "both are known", func() bool { all, _ := figures().Body["processes"].([]any); return len(all) == 2 })
	shopper := newVisitor(t, one.URL())
	for range 3 {
		shopper.buy() // not signed in
	}
	eventually(t, "the other process tells of them", func() bool {
		answers, _ := figures().Body["answers"].(map[string]any)
		n, _ := answers["sign-in"].(float64)
		return n >= 3
	})
}

// A stream of figures ends when its session does, also when that ends at another process.
func checkStreamEnds(t *testing.T, one, two *Instance, viewer deskVisitor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, one.URL()+"/api/admin/sales/flash-sale/figures/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range viewer.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	answer, err := viewer.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	frames := 0
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "data: ") {
			continue
		}
		if frames++; frames == 2 {
			elsewhere := newVisitor(t, two.URL())
			elsewhere.cookies = viewer.cookies
			if r := elsewhere.post("/sign-out", nil); r.Status != http.StatusNoContent {
				t.Errorf("sign-out: %d", r.Status)
			}
		}
	}
	if frames < 2 || ctx.Err() != nil {
		t.Errorf("%d frames, and then %v", frames, ctx.Err())
	}
}
