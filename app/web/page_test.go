package web

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/static"
	"flashsale/users"
)

const browserAccept = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// browse asks for a page as a browser does.
func (w *world) browse(t *testing.T, path string, fields ...string) reply {
	t.Helper()
	return w.send(t, "GET", path, "", append([]string{browserAccept}, fields...)...)
}

// submit sends a form as a browser does without scripts.
func (w *world) submit(t *testing.T, path string, form url.Values, fields ...string) reply {
	t.Helper()
	return w.send(t, "POST", path, form.Encode(), append([]string{
		browserAccept, "Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin"}, fields...)...)
}

// fragment are the fields of a request by htmx whose answer goes into the element of that id.
func fragment(id string) []string {
	return []string{"Accept: text/html", "HX-Request: true", "HX-Target: div#" + id}
}

func testID(name string) string { return `data-testid="` + name + `"` }

// shows checks that an answer is HTML of that status with all these parts.
func (r reply) shows(t *testing.T, status int, parts ...string) {
	t.Helper()
	if r.StatusCode != status || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		t.Errorf("got %d %s, want %d text/html: %s", r.StatusCode, r.Header.Get("Content-Type"), status, r.raw)
	}
	for _, part := range parts {
		if !strings.Contains(r.raw, part) {
			t.Errorf("no %q in %s", part, r.raw)
		}
	}
}

func (r reply) lacks(t *testing.T, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(r.raw, part) {
			t.Errorf("%q in %s", part, r.raw)
		}
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.browse(t, "/")
	r.shows(t, 200, "<title>Flash Sale System</title>", "Lamp", "$298.95", "$499.00", "Save $200.05",
		testID("users-section"), testID("preset-extreme"), "Extreme (10K)", "Small (5)", "Large (1000)")
	r.lacks(t, testID("purchase-result"), testID("user-purchase-status"), testID("reset-message"))
	if w.checkout.asks() != 0 || w.users.listedTimes != 0 {
		t.Error("the first page asks the servers")
	}
	if got := r.Header.Get("Vary"); got != "Accept, Accept-Encoding, Accept-Language, Cookie, HX-Request" {
		t.Errorf("Vary %q", got)
	}
	if got := r.Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("the page may be kept so: %s", got)
	}
	for _, asset := range regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(r.raw, -1) {
		if !regexp.MustCompile(`\.[0-9a-f]{16}\.\w+$`).MatchString(asset[1]) && asset[1] != "/static/a.svg" {
			t.Errorf("%s is not loaded by its hashed name", asset[1])
		}
	}
}

func TestHomeOpensTheTabOfTheQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, panel := range map[string]string{
		"": "main", "?tab=main": "main", "?tab=specifications": "specifications", "?tab=important": "important",
		"?tab=users": "users", "?tab=nonsense": "main",
	} {
		r := w.browse(t, "/"+query)
		for _, each := range []string{"main", "specifications", "important", "users"} {
			opening := regexp.MustCompile(`<div[^>]*id="panel-` + each + `"[^>]*>`).FindString(r.raw)
			if shown := !strings.Contains(opening, " hidden"); opening == "" || shown != (each == panel) {
				t.Errorf("%q: panel %s shown %v", query, each, shown)
			}
		}
	}
}

func TestHomeWithoutASale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.catalog.snaps = nil
	w.browse(t, "/").shows(t, 200, "No Sale", testID("user-id-input"), "disabled")
}

func TestHomeOutsideDemoModeIsTheShoppers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	for _, session := range []string{"Test-Session: ", "Test-Session: alice"} {
		r := w.browse(t, "/?tab=users", session)
		r.shows(t, 200, testID("purchase-section"))
		r.lacks(t, testID("users-tab"), testID("users-section"), testID("reset-system-button-small"))
	}
	w.browse(t, "/?tab=users", "Test-Session: root!").shows(t, 200, testID("users-section"))
	if w.users.listedTimes != 1 {
		t.Errorf("the list was read %d times", w.users.listedTimes)
	}
	r := w.send(t, "GET", "/?tab=users", "", append(fragment("user-list"), "Test-Session: alice")...)
	r.shows(t, 403, request.ErrNotOperator.Page.Happened)
}

func TestPurchaseByForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.submit(t, "/api/flash-sale/purchase", url.Values{"username": {" Alice "}})
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != receiptAddress() {
		t.Fatalf("%d %v", r.StatusCode, r.Header)
	}
	w.follow(t, r).shows(t, 200, "Success", receipt("").OrderID.String(), "<bdi>alice</bdi>", "<title>")
	if got := w.checkout.requests[0].Name; got != "alice" {
		t.Errorf("bought for %q", got)
	}
}

// follow reads the page that a form is redirected to.
func (w *world) follow(t *testing.T, r reply, fields ...string) reply {
	t.Helper()
	to, _, _ := strings.Cut(r.Header.Get("Location"), "#")
	if r.StatusCode != http.StatusSeeOther || to == "" {
		t.Fatalf("%d, Location %q", r.StatusCode, to)
	}
	return w.browse(t, to, fields...)
}

func TestPurchaseByHTMX(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.submit(t, "/api/flash-sale/purchase", url.Values{"username": {"alice"}}, fragment("outcome")...)
	r.shows(t, 201, testID("purchase-result"), "Success", `<hx-partial hx-target="#live"`, testID("current-stock"))
	r.lacks(t, "<html", testID("user-id-input"))
}

func TestPurchaseOutcomes(t *testing.T) {
	t.Parallel()
	ann := receipt("ann")
	for _, c := range []struct {
		answer sale.Answer
		state  sale.State // of the sale, when the answer tells of it
		status int
		says   string
		tone   string
	}{
		{sale.Answer{Kind: sale.Bought, Receipt: ann}, "", 201, "Success", "good"},
		{sale.Answer{Kind: sale.AlreadyBought, Receipt: ann}, "", 200, "already purchased", "good"},
		{sale.Answer{Kind: sale.AlreadyBought, Receipt: ann, SameKey: true}, "", 200, "Success! The unit is yours.", "good"},
		{sale.Answer{Kind: sale.Pending, ClaimID: ann.OrderID}, "", 202, "being confirmed", "note"},
		{sale.Answer{Kind: sale.Refused, Reason: "ended"}, sale.Closed, 409, request.ErrEnded.Page.Happened, "bad"},
		{sale.Answer{Kind: sale.Refused, Reason: "paused"}, sale.Paused, 409, request.ErrPaused.Page.Happened, "bad"},
		{sale.Answer{Kind: sale.Refused, Reason: "all-claimed"}, "", 409, request.ErrAllClaimed.Page.Happened, "bad"},
		{sale.Answer{Kind: sale.Refused, Reason: "generation-changed"}, "", 409, request.ErrGenerationChanged.Page.Happened, "bad"},
		{sale.Answer{Kind: sale.NotAuthorized}, "", 403, "not authorized to make purchases", "bad"},
		{sale.Answer{Kind: sale.UnknownShopper}, "", 404, "There is no such account", "bad"},
		{sale.Answer{Kind: sale.Unavailable}, "", 503, "Press again: you can never get two.", "bad"},
		{sale.Answer{Kind: sale.Overloaded}, "", 503, "nothing was bought", "bad"},
	} {
		w := newWorld(t)
		w.checkout.claim = sale.ClaimState{State: sale.ClaimPending}
		w.checkout.receipts["ann"] = ann
		w.checkout.buy = func(sale.PurchaseRequest) sale.Answer { return c.answer }
		if c.state != "" {
			w.catalog.change(func(s *sale.Snapshot) { s.State = c.state })
		}
		parts := []string{testID("purchase-result"), c.says, `data-tone="` + c.tone + `"`, "<bdi>ann</bdi>"}
		form := url.Values{"username": {"ann"}}
		piece := w.submit(t, "/api/flash-sale/purchase", form, fragment("outcome")...)
		piece.shows(t, c.status, parts...)
		if location := piece.Header.Get("Location"); (location != "") != (c.status == 202) || !strings.Contains(piece.raw, `data-claim="`+location) && location != "" {
			t.Errorf("%v: Location %q, %s", c.answer.Kind, location, piece.raw)
		}
		redirected := w.submit(t, "/api/flash-sale/purchase", form)
		if c.answer.Receipt == ann {
			if at := redirected.Header.Get("Location"); at != receiptAddress() {
				t.Errorf("%v leads to %s", c.answer.Kind, at)
			}
			continue
		}
		whole := w.follow(t, redirected)
		whole.shows(t, map[bool]int{true: 202, false: 200}[c.status == 202], append(parts, `value="ann"`)...)
		if n := strings.Count(whole.raw, `class="outcome"`); n != 1 {
			t.Errorf("%v: %d outcomes", c.answer.Kind, n)
		}
	}
}

// Without scripts a repeat cannot be told from the press whose answer was lost: its text holds both.
func TestARepeatByFormHoldsBothTexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.receipts["ann"] = receipt("ann")
	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer {
		return sale.Answer{Kind: sale.AlreadyBought, Receipt: receipt("ann")}
	}
	w.follow(t, w.submit(t, "/api/flash-sale/purchase", url.Values{"username": {"ann"}})).shows(t, 200,
		"Success", "already purchased", `data-tone="good"`, receipt("").OrderID.String())
}

// The query of the page says nothing that is not so: no receipt without one, no refusal that the sale or the name contradict, no text of
// its own, and no other shopper's receipt.
func TestNoLinkShowsAnOutcomeThatIsNotSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, query := range []string{
		"outcome=bought&username=bob", "outcome=owned&username=bob", "outcome=sold-out", "outcome=not-started", "outcome=ended", "outcome=paused",
		"outcome=You+have+won", "outcome=internal", "outcome=cross-site", "outcome=invalid-request&username=bob",
	} {
		w.browse(t, "/?"+query).lacks(t, testID("purchase-result"), testID("user-purchase-status"))
	}
	w.browse(t, "/?claim=nonsense").shows(t, 404, testID("purchase-result"), request.ErrNoClaim.Page.Happened)
	w.browse(t, "/?claim="+orderA+"&at=x").shows(t, 400, testID("purchase-result"))
	accounts := newWorld(t, accountsMode)
	accounts.checkout.receipts["ann"] = receipt("ann")
	for _, session := range []string{"", "bob"} {
		accounts.browse(t, "/?outcome=bought&username=ann", "Test-Session: "+session).lacks(t, receipt("").OrderID.String())
	}
	accounts.browse(t, "/?outcome=bought", "Test-Session: ann").shows(t, 200, receipt("").OrderID.String())
}

func TestAFormThatIsRefusedShowsWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.follow(t, w.submit(t, "/api/flash-sale/purchase", url.Values{"username": {"a\x01b"}})).shows(t, 200, testID("purchase-result"), "is not acceptable")
	w.follow(t, w.submit(t, "/api/flash-sale/purchase", url.Values{})).shows(t, 200, testID("purchase-result"), "The name is required")
	accounts := newWorld(t, accountsMode)
	accounts.follow(t, accounts.submit(t, "/api/flash-sale/purchase", url.Values{"username": {"ann"}}, "Test-Session: bob"), "Test-Session: bob").
		shows(t, 200, testID("purchase-result"), request.ErrNotYou.Page.Happened)
}

func TestClaimAnswersPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := "/api/flash-sale/claims/" + receipt("").OrderID.String() + "?at=2.17"
	w.checkout.claim = sale.ClaimState{State: sale.ClaimPending}
	w.send(t, "GET", address, "", fragment("outcome")...).shows(t, 202, `data-claim="`+address, "Check again")
	w.follow(t, w.browse(t, address)).shows(t, 202, `data-claim="`+address, "Check again", "refresh")
	w.checkout.claim = sale.ClaimState{State: sale.ClaimOrdered, Receipt: receipt("ann"), Username: "ann"}
	w.send(t, "GET", address, "", fragment("outcome")...).shows(t, 201, "Success", "Unit 3", testID("current-stock"))
	w.checkout.claim = sale.ClaimState{State: sale.ClaimGone}
	w.send(t, "GET", address, "", fragment("outcome")...).shows(t, 410, testID("purchase-result"), "Nothing was bought")
	// While nobody can say, it stays pending in sight.
	w.checkout.claim, w.checkout.err = sale.ClaimState{}, sale.ErrUnavailable
	w.browse(t, "/?claim="+receipt("").OrderID.String()+"&at=2.17").shows(t, 202, `data-claim="`+address, "being confirmed")
}

func TestCheckShowsAPageOrAPiece(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.receipts["ann"] = receipt("ann")
	for _, c := range []struct {
		name   string
		status int
		says   []string
	}{
		{"Ann", 200, []string{"You have already purchased this item!", "Purchase ID: <code>" + receipt("").OrderID.String()}},
		{"bob", 200, []string{"You haven&#39;t purchased this item yet", "<bdi>bob</bdi>"}},
		{"nobody", 200, []string{"There is no such account", "<bdi>nobody</bdi>"}},
		{"", 422, []string{"The name is required"}},
		{"a\x01b", 422, []string{"The name is not acceptable: a name must not contain control characters"}},
	} {
		query := "/?" + url.Values{"check": {"1"}, "username": {c.name}}.Encode()
		piece := w.send(t, "GET", query, "", fragment("outcome")...)
		piece.shows(t, c.status, append(c.says, testID("user-purchase-status"), `<hx-partial hx-target="#live"`)...)
		piece.lacks(t, "<html", testID("purchase-result"))
		whole := w.browse(t, query)
		whole.shows(t, c.status, append(c.says, testID("user-purchase-status"), testID("user-id-input"), "<title>")...)
		if c.status == 422 {
			whole.shows(t, 422, `aria-invalid="true" aria-describedby="outcome"`)
		}
	}
	w.browse(t, "/api/flash-sale/purchase/ann").shows(t, 200, "You have already purchased this item!", `value="ann"`)
}

func TestCheckOfAnotherIsRefusedOutsideDemoMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	w.checkout.receipts["ann"] = receipt("ann")
	r := w.browse(t, "/?check=1&username=ann", "Test-Session: bob")
	r.shows(t, 403, request.ErrNotYou.Page.Happened)
	r.lacks(t, receipt("").OrderID.String())
	w.browse(t, "/?check=1&username=ann", "Test-Session: ann").shows(t, 200, receipt("").OrderID.String())
}

func TestCheckThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.err = errors.New("secret address refused")
	r := w.browse(t, "/?check=1&username=ann")
	r.shows(t, 500, request.ErrInternal.Message, testID("user-id-input"))
	r.lacks(t, "secret")
	if !strings.Contains(w.logged.String(), "secret") {
		t.Error("the fault is not in the log")
	}
}

func twoUsers(w *world) {
	w.checkout.receipts["ann"] = receipt("ann")
	w.users.page = users.Page{Total: 45, Accounts: []users.Account{
		{ID: 7, Username: "ann", Email: "ann@example.com", MayPurchase: true}, {ID: 8, Username: "bob", Email: "bob@example.com"}}}
}

func TestUserList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	twoUsers(w)
	parts := []string{"Total: 45 users (Page 2 of 3)", "ann@example.com", receipt("").OrderID.String(), `data-try="bob"`, ">Next<", ">Previous<"}
	whole := w.browse(t, "/?tab=users&page=2")
	whole.shows(t, 200, append(parts, "<title>")...)
	if w.users.asked != [2]int{2, 20} {
		t.Errorf("page and limit %v", w.users.asked)
	}
	piece := w.send(t, "GET", "/?tab=users&page=2", "", fragment("user-list")...)
	piece.shows(t, 200, parts...)
	piece.lacks(t, "<html", testID("preset-small"))
	w.browse(t, "/api/users?page=2").shows(t, 200, append(parts, "<title>")...)
}

func TestEmptyUserListHasOnePage(t *testing.T) {
	t.Parallel()
	newWorld(t).browse(t, "/?tab=users").shows(t, 200, "Total: 0 users (Page 1 of 1)")
}

func TestUserListThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.err = sale.ErrBusy
	whole := w.browse(t, "/?tab=users")
	whole.shows(t, 200, request.ErrBusy.Page.Happened, testID("user-id-input"), testID("preset-small"))
	whole.lacks(t, "Total:")
	w.send(t, "GET", "/?tab=users", "", fragment("user-list")...).shows(t, 409, request.ErrBusy.Page.Happened)
	w.send(t, "GET", "/?tab=users&page=x", "", fragment("user-list")...).shows(t, 422, "The page must be a whole number")
}

func TestOperatorsFormsRedirectSoThatReloadingRepeatsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		path string
		form url.Values
		call string
		says string
	}{
		{"/api/flash-sale/reset", url.Values{"resetToSmallStock": {"true"}}, "reset  small", "The system was reset."},
		{"/api/flash-sale/reset", url.Values{"resetToSmallStock": {"false"}}, "reset  keep", "The system was reset."},
		{"/api/flash-sale/stock-preset/extreme", nil, "preset  extreme", "Stock preset set: Extreme (10K)."},
		{"/api/users/seed", url.Values{"userCount": {"12"}}, "seed 12", "The dummy users are there."},
		{"/api/flash-sale/update-stock", url.Values{"stockAmount": {"7"}}, "stock  7", "The stock was changed."},
	} {
		w.ops.calls = nil
		r := w.submit(t, c.path, c.form)
		if r.StatusCode != http.StatusSeeOther || len(w.ops.calls) != 1 || w.ops.calls[0] != c.call {
			t.Errorf("%s: %d, calls %q", c.path, r.StatusCode, w.ops.calls)
			continue
		}
		shown := w.browse(t, r.Header.Get("Location"))
		shown.shows(t, 200, testID("reset-message"), c.says)
	}
}

func TestOperatorsActByHTMX(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.submit(t, "/api/flash-sale/stock-preset/small", nil, fragment("operator-outcome")...)
	r.shows(t, 200, testID("reset-message"), "Preset small is set", testID("current-stock"), `<hx-partial hx-target="#outcome">`)
	r.lacks(t, "<html")
	if got := r.Header.Get("Hx-Trigger"); got != "users-changed" {
		t.Errorf("the list is not told: %q", got)
	}
	w.ops.err = sale.ErrBusy
	r = w.submit(t, "/api/flash-sale/stock-preset/small", nil, fragment("operator-outcome")...)
	r.shows(t, 409, testID("reset-message"), request.ErrBusy.Page.Happened, `data-tone="bad"`)
}

func TestNoticesAreFixedTexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browse(t, "/?tab=users&notice=reset&swept=12").shows(t, 200, "nothing sold. 12 orders were swept away.")
	w.browse(t, "/?tab=users&notice=preset-small&swept=1").shows(t, 200, "Small (5). 1 order was swept away.")
	for _, made := range []string{"x", "-3", "0", "1e9", "99999999999999999999"} {
		w.browse(t, "/?tab=users&notice=reset&swept="+made).lacks(t, "swept")
	}
	for _, made := range []string{"You+have+won", "preset-free", "small", "%3Cb%3E"} {
		w.browse(t, "/?tab=users&notice="+made).lacks(t, testID("reset-message"))
	}
}

func TestProblemsArePagesForBrowsersAndPiecesForHTMX(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	whole := w.browse(t, "/no/such/page")
	whole.shows(t, 404, "<title>", "<h2>"+request.ErrNotFound.Page.Happened+"</h2>", `href="/"`)
	for id, hook := range map[string]string{
		"outcome": "purchase-result", "operator-outcome": "reset-message", "": "purchase-result",
	} {
		r := w.submit(t, "/api/flash-sale/purchase", url.Values{}, fragment(id)...)
		r.shows(t, 422, testID(hook), "The name is required", `data-tone="bad"`)
		r.lacks(t, "<html")
	}
}

func TestWhatOthersWriteIsEscapedAndClipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.browse(t, "/?username="+url.QueryEscape(`"><script>x</script>`+strings.Repeat("é", 400)))
	r.shows(t, 200, "&lt;script&gt;")
	r.lacks(t, "<script>", strings.Repeat("é", 255))
}

func TestPagesAreRenderedWithoutAServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.catalog.change(func(s *sale.Snapshot) { s.Stale, s.Age = true, 5*time.Second })
	w.browse(t, "/").shows(t, 200, "may be out of date")
}

// Browsers ask for an icon at an address of their own choice, also beside answers that are no pages.
func TestTheIconIsServedWhereBrowsersAskForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Static = static.Serve })
	for _, method := range []string{"GET", "HEAD"} {
		r := w.send(t, method, "/favicon.ico", "", "Accept: image/avif,image/webp,*/*;q=0.8")
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "image/x-icon" || (r.raw == "") != (method == "HEAD") {
			t.Errorf("%s: %d %s, %d bytes", method, r.StatusCode, r.Header.Get("Content-Type"), len(r.raw))
		}
		if method == "GET" && !strings.HasPrefix(r.raw, "\x00\x00\x01\x00") {
			t.Errorf("it is no icon: %.8q", r.raw)
		}
	}
}

// The check says whose name it looked at, and in which generation, so that the page can tell when it no longer applies.
func TestACheckNamesTheOwnerItFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.receipts["ann"] = receipt("ann")
	for _, fields := range [][]string{nil, fragment("outcome")} {
		w.send(t, "GET", "/?check=1&username=+Ann+", "", append(fields, "Accept: text/html")...).shows(t, 200, `data-owner="Ann"`, `data-generation="3"`)
		w.send(t, "GET", "/?check=1&username=bob", "", append(fields, "Accept: text/html")...).lacks(t, "data-owner")
	}
}
