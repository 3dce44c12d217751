package shop_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"flashsale/views/layout"
	"flashsale/views/shop"
)

// hooks are the data-testid names of the contract that the first page always has in demo mode.
var hooks = strings.Fields(`main-tab specifications-tab important-tab users-tab main-tab-content users-section
	flash-sale-status status-text stock-info current-stock total-stock sold-stock time-info purchase-section user-id-input
	buy-now-button check-purchase-button notification-badge pulsing-dot stock-presets preset-small preset-medium
	preset-large preset-extreme reset-system-button-small reset-system-button-maintain`)

// filled are those that exist only when they have something to say.
var filled = []string{"purchase-result", "user-purchase-status", "reset-message"}

func draw(t *testing.T, c templ.Component) string {
	t.Helper()
	var out strings.Builder
	if err := c.Render(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func active() shop.Status {
	return shop.Status{
		Status: "active", Text: "Flash Sale Live!", Badge: "Live", Left: 4999, Total: 12000, Sold: 7001, Version: 42,
		When: "Ends", Until: time.Date(2027, 1, 1, 10, 0, 0, 0, time.UTC), UntilISO: "2027-01-01T10:00:00.000Z",
		UntilMilli: 1_798_797_600_000, NowMilli: 1_798_790_000_000, Counting: true,
	}
}

func home() shop.Home {
	return shop.Home{
		Assets: layout.Assets{Style: "/s/a.css", Script: "/s/a.js", Insist: "/s/n.js", Press: "/s/p.js", HTMX: "/s/h.js", Clock: "/s/c.js", Live: "/s/l.js", Stream: "/s/e.js", Icon: "/s/i.svg"},
		Tab:    shop.TabMain, Demo: true, Status: active(),
		Product: shop.Product{
			Name: "Headphones", Description: "Quiet.", Price: "$299.00", FullPrice: "$499.00", Saved: "$200.00",
			Details: []string{"Light"}, Important: []string{"One each"}, Specification: []shop.Fact{{Name: "Weight", Value: "248 g"}},
			Picture: shop.Picture{URL: "/s/front.svg", Alt: "Front"}, Thumbnails: []shop.Picture{{URL: "/s/side.svg", Alt: "Side"}},
		},
		Presets: []shop.Preset{{"small", "Small (5)"}, {"medium", "Medium (100)"}, {"large", "Large (1000)"}, {"extreme", "Extreme (10K)"}},
	}
}

func everything() shop.Home {
	h := home()
	h.Tab, h.Notice, h.Username = shop.TabUsers, "Reset.", "ann"
	h.Purchase = &shop.Outcome{Tone: shop.Good, Title: "Success!", Receipt: receipt()}
	h.Check = &shop.Outcome{Tone: shop.Note, Title: "You haven't purchased this item yet"}
	h.Users = &shop.UserList{Total: 45, Page: 2, Pages: 3, Users: []shop.User{
		{Name: "ann", Email: "ann@example.com", MayPurchase: true, OrderID: "0190-ab"}, {Name: "bob", Email: "bob@example.com"}}}
	return h
}

func receipt() *shop.Receipt {
	return &shop.Receipt{Username: "ann", OrderID: "0190-ab", Unit: 1234, At: "1 May", AtISO: "2027-05-01T10:00:00.000Z"}
}

func hook(name string) string { return `data-testid="` + name + `"` }

// tag gives the opening tag that carries a hook.
func tag(t *testing.T, html, name string) string {
	t.Helper()
	found := regexp.MustCompile(`<[a-z][^>]*`+regexp.QuoteMeta(hook(name))+`[^>]*>`).FindAllString(html, -1)
	if len(found) != 1 {
		t.Fatalf("%d elements carry the hook %s", len(found), name)
	}
	return found[0]
}

func disabled(tag string) bool { return regexp.MustCompile(`\sdisabled[\s>=]`).MatchString(tag) }

func TestHomeHasEveryHookOnce(t *testing.T) {
	t.Parallel()
	page := draw(t, shop.HomePage(home()))
	for _, name := range hooks {
		tag(t, page, name)
	}
	for _, name := range filled {
		if strings.Contains(page, hook(name)) {
			t.Errorf("%s exists although nothing was pressed", name)
		}
	}
	full := everything()
	for _, result := range []string{"purchase-result", "user-purchase-status"} {
		page := draw(t, shop.HomePage(full))
		for _, name := range append([]string{result, "reset-message"}, hooks...) {
			tag(t, page, name)
		}
		if n := strings.Count(page, `class="outcome"`); n != 2 { // this one, and the operator's
			t.Errorf("%d outcomes beside %s", n, result)
		}
		full.Purchase = nil
	}
	if !strings.Contains(page, "<title>Flash Sale System</title>") {
		t.Error("the title is another")
	}
}

func TestPagesHoldNothingInline(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|js:|<script(?:>|[^>]*>[^<])|(?:src|href)="(?:https?:)?//`)
	for name, c := range map[string]templ.Component{
		"home": shop.HomePage(home()), "full": shop.HomePage(everything()),
		"problem": layout.ProblemPage(home().Assets, layout.Problem{Happened: "There is nothing here", Now: "Go back."}),
	} {
		if found := forbidden.FindString(draw(t, c)); found != "" {
			t.Errorf("%s contains %q", name, found)
		}
	}
}

func TestFiguresAreBareDigits(t *testing.T) {
	t.Parallel()
	html := draw(t, shop.StatusFragment(active()))
	for name, want := range map[string]string{
		"current-stock": "4999", "total-stock": "12000", "sold-stock": "7001", "status-text": "Flash Sale Live!",
	} {
		if !strings.Contains(html, tag(t, html, name)+want+"</") {
			t.Errorf("%s does not hold exactly %q in %s", name, want, html)
		}
	}
}

func TestStatusFragmentIsOneLineAndContainsNoForm(t *testing.T) {
	t.Parallel()
	html := draw(t, shop.StatusFragment(active()))
	if strings.ContainsAny(html, "\r\n") {
		t.Error("the frame has a line break")
	}
	for _, name := range []string{"user-id-input", "buy-now-button", "purchase-result", "user-purchase-status"} {
		if strings.Contains(html, hook(name)) {
			t.Errorf("the frame carries %s", name)
		}
	}
	for _, want := range []string{`data-status="active"`, `data-version="42"`, `data-until="1798797600000"`, `data-now="1798790000000"`} {
		if !strings.Contains(html, want) {
			t.Errorf("the script finds no %s", want)
		}
	}
}

func TestStatusWithoutAClockOrStock(t *testing.T) {
	t.Parallel()
	html := draw(t, shop.StatusFragment(shop.Status{Status: "none", Text: "No Sale", Badge: "None", Note: "None planned."}))
	if strings.Contains(html, "data-until") || strings.Contains(html, "<time") {
		t.Errorf("a time is shown: %s", html)
	}
	if !strings.Contains(html, `max="1" value="0"`) {
		t.Errorf("the bar of an empty stock is no bar: %s", html)
	}
	if !strings.Contains(html, "None planned.") {
		t.Error("the note is lost")
	}
}

func TestBuyButtonIsDisabledUnlessTheSaleIsActive(t *testing.T) {
	t.Parallel()
	for status, off := range map[string]bool{"active": false, "upcoming": true, "sold-out": true, "ended": true, "paused": true, "none": true} {
		h := home()
		h.Status.Status = status
		if got := disabled(tag(t, draw(t, shop.HomePage(h)), "buy-now-button")); got != off {
			t.Errorf("%s: disabled %v, want %v", status, got, off)
		}
	}
}

func TestFormWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	page := draw(t, shop.HomePage(home()))
	for _, want := range []string{`method="post" action="/api/flash-sale/purchase"`, `<label for="user-id-input">`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if got := tag(t, page, "user-id-input"); !strings.Contains(got, `name="username"`) {
		t.Errorf("the field is not sent: %s", got)
	}
	check := tag(t, page, "check-purchase-button")
	for _, want := range []string{`type="submit"`, `formaction="/"`, `formmethod="get"`, `name="check"`} {
		if !strings.Contains(check, want) {
			t.Errorf("the check button has no %s: %s", want, check)
		}
	}
	for path, times := range map[string]int{
		"/api/flash-sale/stock-preset/small": 1, "/api/flash-sale/stock-preset/extreme": 1, "/api/flash-sale/reset": 2, "/api/users/seed": 1,
	} {
		if got := strings.Count(page, `method="post" action="`+path+`"`); got != times {
			t.Errorf("%d forms post to %s, want %d", got, path, times)
		}
	}
}

func TestTabsShowOnePanel(t *testing.T) {
	t.Parallel()
	for _, chosen := range []shop.Tab{shop.TabMain, shop.TabSpecifications, shop.TabImportant, shop.TabUsers} {
		h := home()
		h.Tab = chosen
		page := draw(t, shop.HomePage(h))
		if got := tag(t, page, string(chosen)+"-tab"); !strings.Contains(got, `aria-selected="true"`) {
			t.Errorf("%s is not the chosen tab: %s", chosen, got)
		}
		for _, panel := range []shop.Tab{shop.TabMain, shop.TabSpecifications, shop.TabImportant, shop.TabUsers} {
			opening := regexp.MustCompile(`<div[^>]*id="panel-` + string(panel) + `"[^>]*>`).FindString(page)
			if hidden := strings.Contains(opening, " hidden"); opening == "" || hidden == (panel == chosen) {
				t.Errorf("%s chosen: panel %s hidden %v (%s)", chosen, panel, hidden, opening)
			}
		}
	}
}

func TestUsersTabIsShownInDemoModeOnly(t *testing.T) {
	t.Parallel()
	h := home()
	h.Demo = false
	page := draw(t, shop.HomePage(h))
	for _, name := range []string{"users-tab", "users-section", "stock-presets", "reset-system-button-small"} {
		if strings.Contains(page, hook(name)) {
			t.Errorf("%s is shown to shoppers", name)
		}
	}
}

func TestUsersTabHasTheTextsOfTheOriginal(t *testing.T) {
	t.Parallel()
	page := draw(t, shop.HomePage(everything()))
	for _, want := range []string{
		"List of Users", "Reset System + Auto-Seed Users", "Seed Dummy Users", "Refresh List", "Try this user",
		"Total: 45 users (Page 2 of 3)", ">Small (5)<", ">Medium (100)<", ">Large (1000)<", ">Extreme (10K)<",
		`href="/?tab=users&amp;page=1"`, `href="/?tab=users&amp;page=3"`, `data-try="bob"`, "0190-ab",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the tab lacks %q", want)
		}
	}
}

// The buttons of the pager stay where they are: at an end of the list one cannot be pressed.
func TestPagerEndsWithTheList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		page, pages    int
		previous, next bool
	}{{1, 1, false, false}, {1, 2, false, true}, {2, 2, true, false}, {2, 3, true, true}} {
		html := draw(t, shop.UserListFragment(shop.UserList{Page: c.page, Pages: c.pages}))
		for id, pressable := range map[string]bool{"users-previous": c.previous, "users-next": c.next} {
			link, dead := `<a class="button" id="`+id+`" href=`, `<span class="button" id="`+id+`" role="link" aria-disabled="true"`
			if strings.Contains(html, link) != pressable || strings.Contains(html, dead) == pressable {
				t.Errorf("page %d of %d: %s is not as it should be in %s", c.page, c.pages, id, html)
			}
		}
	}
}

func TestListSaysWhyItCannotBeShown(t *testing.T) {
	t.Parallel()
	html := draw(t, shop.UserListFragment(shop.UserList{Problem: "Not available right now"}))
	if !strings.Contains(html, "Not available right now") || strings.Contains(html, "Total:") || strings.Contains(html, "<table") {
		t.Errorf("got %s", html)
	}
}

func TestOutcomesShowReceiptsAndAskAgainWhilePending(t *testing.T) {
	t.Parallel()
	bought := draw(t, shop.PurchaseOutcome(shop.Outcome{Tone: shop.Good, Title: "Success!", Receipt: receipt()}))
	for _, want := range []string{"Success", "Purchase ID: <code>0190-ab</code>", "Unit 1234", "ann", `data-tone="good"`} {
		if !strings.Contains(bought, want) {
			t.Errorf("a receipt lacks %q: %s", want, bought)
		}
	}
	if strings.Contains(bought, "data-claim") {
		t.Error("a decided purchase asks again")
	}
	pending := draw(t, shop.PurchaseOutcome(shop.Outcome{Tone: shop.Note, Title: "Wait", Claim: "/claims/7?at=1", AskAgain: "/?claim=7"}))
	if !strings.Contains(pending, `data-claim="/claims/7?at=1"`) || !strings.Contains(pending, `href="/?claim=7"`) {
		t.Errorf("a pending purchase does not ask again: %s", pending)
	}
}

func TestOperatorFragmentRenewsTheFiguresAndTakesOldResultsAway(t *testing.T) {
	t.Parallel()
	html := draw(t, shop.OperatorFragment(shop.Outcome{Tone: shop.Good, Title: "Reset."}, active()))
	tag(t, html, "reset-message")
	tag(t, html, "current-stock")
	for _, want := range []string{
		`<hx-partial hx-target="#live" hx-swap="innerMorph">`,
		`<hx-partial hx-target="#outcome"></hx-partial>`,
	} {
		if !strings.Contains(html, want) {
			t.Errorf("no %s in %s", want, html)
		}
	}
}

func TestTextOfOthersIsEscaped(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script>`
	h := everything()
	h.Username, h.Notice, h.Product.Name = evil, evil, evil
	h.Purchase.Title, h.Purchase.Receipt.Username, h.Check.Text = evil, evil, evil
	h.Users.Users[0] = shop.User{Name: evil, Email: evil, OrderID: evil}
	page := draw(t, shop.HomePage(h))
	if strings.Contains(page, "<script>") || strings.Contains(page, `"">`) {
		t.Error("text became markup")
	}
	if got := strings.Count(page, "&lt;script&gt;"); got < 9 {
		t.Errorf("the text is shown %d times", got)
	}
	if !strings.Contains(page, "username=%22%3E%3Cscript%3E") {
		t.Error("the name is not escaped in the address")
	}
}

func TestPriceWithoutDiscount(t *testing.T) {
	t.Parallel()
	h := home()
	h.Product.FullPrice, h.Product.Saved = "", ""
	if page := draw(t, shop.HomePage(h)); strings.Contains(page, "Save ") || strings.Contains(page, "<s>") {
		t.Error("a discount is shown")
	}
	h.Product = shop.Product{}
	page := draw(t, shop.HomePage(h))
	for _, name := range hooks {
		tag(t, page, name)
	}
	if strings.Contains(page, `src=""`) || strings.Contains(page, "Price ") {
		t.Error("a product without picture or price shows an empty one")
	}
}

func TestProblemPageLinksToTheFirstPage(t *testing.T) {
	t.Parallel()
	page := draw(t, layout.ProblemPage(home().Assets, layout.Problem{Happened: "Too many people", Now: "Come back."}))
	for _, want := range []string{"<h2>Too many people</h2>", "<p>Come back.</p>", "<title>Too many people · ", `href="/"`, fmt.Sprintf(`href=%q`, home().Assets.Style)} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
}

// A deferred htmx may start before its extension is loaded, and then the page has no stream.
func TestScriptsComeLastInTheirOrder(t *testing.T) {
	t.Parallel()
	page := draw(t, shop.HomePage(home()))
	if want := `<script src="/s/h.js"></script><script src="/s/c.js"></script><script src="/s/l.js"></script><script src="/s/e.js"></script><script src="/s/a.js"></script><script src="/s/n.js"></script><script src="/s/p.js"></script></body></html>`; !strings.HasSuffix(strings.ReplaceAll(page, "> <script", "><script"), want) {
		t.Errorf("the page does not end with %s: %s", want, page[len(page)-200:])
	}
}

func TestHowLongTheUnitsLasted(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]string{
		time.Millisecond: "0.1 s", 700 * time.Millisecond: "0.7 s", 12 * time.Second: "12 s", 200 * time.Second: "3 min 20 s",
		2*time.Hour + 5*time.Minute: "2 h 5 min", 50 * time.Hour: "2 d 2 h",
	} {
		if got := draw(t, shop.StatusFragment(shop.Status{Status: "sold-out", Took: took})); !strings.Contains(got, "after "+want) {
			t.Errorf("%v: %s", took, got)
		}
	}
}
