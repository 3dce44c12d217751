package instance

import (
	"bytes"
	"image/color"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"flashsale/app/operator"
	"flashsale/app/web"
	"flashsale/events/audit"
	"flashsale/users/login"
)

// Nothing on the desk acts when it is only looked at. An owner follows every link of every page, and sends every form that only asks,
// with GET and with HEAD; and asks with both for the address of every form that acts. Afterwards nothing has changed, every page was a
// whole one, no link led to nowhere, and every page of the desk was reached by a link.
func TestFollowingEveryLinkOfTheDeskChangesNothing(t *testing.T) {
	t.Parallel()
	a, owner := desksOfEveryKind(t)
	before := whatActsChange(t, a)
	c := &crawl{t: t, v: owner, seen: map[string]string{"/admin": "the address bar"}, forms: map[string]string{}, variants: map[string]int{}}
	for c.open = []string{"/admin"}; len(c.open) > 0; {
		path := c.open[0]
		c.open = c.open[1:]
		c.visit(path)
	}
	for action, from := range c.forms {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if r := owner.page(method, action, ""); r.Status >= http.StatusInternalServerError {
				t.Errorf("%s %s, of a form of %s: %d", method, action, from, r.Status)
			}
		}
	}
	after := whatActsChange(t, a)
	for what, was := range before {
		if after[what] != was {
			t.Errorf("%s: before %s, after %s", what, was, after[what])
		}
	}
	c.reachedEveryPage()
	t.Logf("%d addresses, %d forms that act", len(c.seen), len(c.forms))
}

// desksOfEveryKind is a product outside demo mode with a sale in every state, orders, a picture, a report, a team, a token, and its owner.
func desksOfEveryKind(t *testing.T) (*Instance, deskVisitor) {
	t.Helper()
	d := newDeployment(t)
	d.Config.Demo, d.Config.MailDev, d.Config.OperatorSecondFactor, d.Config.MaxStock = false, true, false, 100
	a := d.start(t)
	link, err := a.wiring.acts.InviteFirstOwner(t.Context(), operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"})
	if err != nil {
		t.Fatal(err)
	}
	owner := deskVisitor{newVisitor(t, a.URL())}
	if r := owner.post("/invitations/"+link.Token, form{"username": "olga", "password": goodPassword}); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	deskMember(t, a, owner.visitor, "vera", login.Viewer.String())
	owner.post("/api/admin/team/invitations", form{"role": login.Operator.String()})
	owner.post("/api/admin/tokens", form{"name": "reports", "scopes": []string{"read"}, "days": 30})
	var orders []string
	for _, name := range []string{"ann", "ben", "cleo"} {
		shopper := newVisitor(t, a.URL())
		if !shopper.signUpByCode(a, name+"@example.com", form{"username": name}) {
			t.Fatal(name, "cannot buy")
		}
		r := shopper.buy()
		if orders = append(orders, r.Text("purchaseId")); r.Status != http.StatusCreated {
			t.Fatalf("%d %s", r.Status, r.Raw)
		}
	}
	owner.post("/api/admin/orders/"+orders[0]+"/cancel", form{"reason": "paid twice"}).Is(t, http.StatusOK, "")
	owner.post("/api/admin/shoppers/ben/bar", form{"reason": "a bot"}).Is(t, http.StatusOK, "")
	start := time.Now().Add(24 * time.Hour).UTC()
	for slug, acts := range map[string][]string{
		"a-draft": nil, "in-the-drawer": {"archive"}, "tomorrow": {"schedule"}, "on-pause": {"schedule", "open", "pause"}, "over": {"schedule", "open", "close"},
	} {
		r := owner.post("/api/admin/sales/flash-sale/duplicate", form{"slug": slug, "start": start.Format("2006-01-02T15:04"), "end": start.Add(time.Hour).Format("2006-01-02T15:04")})
		if r.Status >= http.StatusBadRequest {
			t.Fatalf("%s: %d %s", slug, r.Status, r.Raw)
		}
		for _, act := range acts {
			if r := owner.press(owner.look("/admin/sales/"+slug+"/"+act), nil); r.Status != http.StatusSeeOther {
				t.Fatalf("%s, %s: %d %s", slug, act, r.Status, r.Raw)
			}
		}
	}
	cookies := "Cookie: "
	for name, value := range owner.cookies {
		cookies += name + "=" + value + "; "
	}
	uploaded(t, upload(t, owner.client, "/api/admin/sales/a-draft/pictures?alt=A+coat", "image/jpeg", bytes.NewReader(photo(t, 300, 300, color.White)), cookies))
	if r := owner.post("/api/admin/proof", form{}); r.Status >= http.StatusBadRequest {
		t.Fatal(r.Raw)
	}
	eventually(t, "the sale that was closed is", func() bool { return owner.get("/api/admin/sales/over").Text("state") == "closed" })
	return a, owner
}

// whatActsChange is a digest of every table that an act may change. That an export was taken is recorded, and is no act.
func whatActsChange(t *testing.T, a *Instance) map[string]string {
	t.Helper()
	digests := map[string]string{"sales": owned(t, a, `SELECT string_agg(slug || ' ' || state || ' ' || version || ' ' || revision, ', ' ORDER BY id) FROM sales`)}
	for _, table := range []string{"sales", "products", "product_revisions", "generations", "stock", "returned_units", "orders", "declines", "users", "roles", "passwords",
		"second_factors", "recovery_codes", "team", "invitations", "api_tokens", "act_keys", "reminders", "storefront_brand", "storefront_pictures", "storefront_product_pictures"} {
		digests["table "+table] = owned(t, a, `SELECT count(*) || ' rows, ' || coalesce(md5(string_agg(md5(one::text), '' ORDER BY md5(one::text))), '') FROM `+table+` one`)
	}
	digests["acts"] = owned(t, a, `SELECT count(*)::text FROM audit_log WHERE action NOT LIKE '%.export'`)
	return digests
}

func owned(t *testing.T, a *Instance, sql string) (text string) {
	t.Helper()
	if err := a.wiring.servers.pool.QueryRow(t.Context(), sql).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// crawl follows links. seen has every address with the page that it was found on, forms the addresses of forms that act.
type crawl struct {
	t        *testing.T
	v        deskVisitor
	open     []string
	seen     map[string]string
	forms    map[string]string
	variants map[string]int
}

// mostVariants is how many queries of one path are followed: a list has as many pages as it has.
const mostVariants = 60

func (c *crawl) visit(path string) {
	c.t.Helper()
	r := c.v.page(http.MethodGet, path, "")
	from := c.seen[path]
	desk := strings.HasPrefix(path, "/admin") || strings.HasPrefix(path, "/api/admin")
	switch {
	case r.Status == http.StatusSeeOther:
		c.follow(path, r.Header.Get("Location"))
	case r.Status != http.StatusOK:
		c.t.Errorf("%s, on %s, leads to %d", path, from, r.Status)
		return
	}
	if head := c.v.page(http.MethodHead, path, ""); head.Status != r.Status || head.Raw != "" {
		c.t.Errorf("HEAD %s: %d with %d bytes, and GET %d", path, head.Status, len(head.Raw), r.Status)
	}
	if !desk {
		return // the shop has tests of its own
	}
	kept, page := r.Header.Get("Cache-Control"), strings.HasPrefix(path, "/admin") && r.Status == http.StatusOK
	if !strings.Contains(kept, "no-store") || page && kept != "private, no-store" {
		c.t.Errorf("%s: Cache-Control %q", path, kept)
	}
	if r.Status != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		if page {
			c.t.Errorf("%s is %q and no page", path, r.Header.Get("Content-Type"))
		}
		return
	}
	c.page(path, r.Raw)
}

// page checks a page, and follows its links.
func (c *crawl) page(path, raw string) {
	c.t.Helper()
	root, err := html.Parse(strings.NewReader(raw))
	if err != nil {
		c.t.Fatalf("%s: %v", path, err)
	}
	ids, headings, title := map[string]int{}, 0, ""
	for n := range root.Descendants() {
		if id := attribute(n, "id"); id != "" {
			ids[id]++
		}
		switch n.Data {
		case "h1":
			headings++
		case "title":
			if n.FirstChild != nil && n.Parent.Data == "head" {
				title = strings.TrimSpace(n.FirstChild.Data)
			}
		}
	}
	if headings != 1 || title == "" {
		c.t.Errorf("%s has %d h1, and the title %q", path, headings, title)
	}
	for id, n := range ids {
		if n > 1 {
			c.t.Errorf("%s has %d elements with the id %q", path, n, id)
		}
	}
	for n := range root.Descendants() {
		switch n.Data {
		case "a", "area":
			if to := attribute(n, "href"); strings.HasPrefix(to, "#") && len(to) > 1 && ids[to[1:]] == 0 {
				c.t.Errorf("%s: a link to %s, which is not there", path, to)
			} else if to != "" {
				c.follow(path, to)
			}
		case "img", "source":
			for _, part := range strings.Split(attribute(n, "src")+","+attribute(n, "srcset"), ",") {
				if address, _, _ := strings.Cut(strings.TrimSpace(part), " "); address != "" {
					c.follow(path, address)
				}
			}
		case "form":
			c.form(path, n)
		case "button", "input":
			if to := attribute(n, "formaction"); to != "" {
				c.forms[to] = path
			}
		}
	}
}

// form sends one that only asks as it stands, and keeps the address of one that acts.
func (c *crawl) form(path string, f *html.Node) {
	action := attribute(f, "action")
	if strings.EqualFold(attribute(f, "method"), http.MethodPost) {
		c.forms[action] = path
		return
	}
	fields := url.Values{}
	for n := range f.Descendants() {
		name := attribute(n, "name")
		switch {
		case name == "":
		case n.Data == "input" && !slices.Contains([]string{"checkbox", "radio", "submit"}, attribute(n, "type")):
			fields.Add(name, attribute(n, "value"))
		case n.Data == "select":
			for o := range n.Descendants() {
				if o.Data == "option" {
					c.follow(path, action+"?"+url.Values{name: {attribute(o, "value")}}.Encode())
				}
			}
		}
	}
	c.follow(path, action+"?"+fields.Encode())
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// follow puts an address down for a visit, once, if it is one of the product.
func (c *crawl) follow(from, to string) {
	base, err := url.Parse(from)
	if err == nil {
		base, err = base.Parse(to)
	}
	if err != nil {
		c.t.Errorf("%s has the link %q: %v", from, to, err)
		return
	}
	if base.Host != "" && "http://"+base.Host != c.v.Base || base.Scheme != "" && base.Scheme != "http" {
		return // another server, a mail
	}
	path := base.RequestURI()
	if _, seen := c.seen[path]; seen || strings.HasPrefix(base.Path, "/static/") {
		return
	}
	if c.variants[base.Path]++; c.variants[base.Path] > mostVariants {
		return
	}
	c.seen[path] = from
	c.open = append(c.open, path)
}

// reachedEveryPage compares the addresses with the table of routes: a page of the desk to which no link leads is as good as none.
func (c *crawl) reachedEveryPage() {
	for _, r := range web.Routes() {
		if r.Method != http.MethodGet || !strings.HasPrefix(r.Path, "/admin") {
			continue
		}
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`:[a-zA-Z]+`).ReplaceAllString(regexp.QuoteMeta(r.Path), "[^/]+") + "$")
		reached := false
		for address := range c.seen {
			path, _, _ := strings.Cut(address, "?")
			reached = reached || pattern.MatchString(path)
		}
		if !reached {
			c.t.Errorf("no link leads to %s", r.Path)
		}
	}
}
