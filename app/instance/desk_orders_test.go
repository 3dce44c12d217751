package instance

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/users/login"
)

// listedUnits are the units of the orders that a page lists, from top to bottom.
func listedUnits(page reply) (units []string) {
	for _, found := range regexp.MustCompile(`data-testid="order-line" data-unit="(\d+)"`).FindAllStringSubmatch(page.Raw, -1) {
		units = append(units, found[1])
	}
	return units
}

// linkNamed is where an element with that name leads.
func linkNamed(page reply, name string) string {
	found := regexp.MustCompile(`href="([^"]*)"[^>]*data-testid="` + name + `"`).FindStringSubmatch(page.Raw)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}

// An operator looks for an order by everything that a shopper may say of it, and walks through the list to its end and back.
func TestOrdersAreFoundAndListedWithoutScripts(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	v := deskVisitor{newVisitor(t, a.URL())}
	c := newClient(t, a.URL())
	if r := v.look("/admin/orders"); r.Status != http.StatusOK || !strings.Contains(r.Raw, "There are no orders in this generation yet") {
		t.Errorf("an empty list: %d", r.Status)
	}
	var bought []reply
	for _, name := range []string{"john_doe_1", "jane_smith_1", "alice_brown_1", "diana_miller_1", "edward_garcia_1"} {
		bought = append(bought, c.BuySettled(name))
	}
	all := v.look("/admin/orders")
	if got := listedUnits(all); !slices.Equal(got, []string{"5", "4", "3", "2", "1"}) || !strings.Contains(all.Raw, `data-testid="sum-sold">5<`) || !strings.Contains(all.Raw, `data-testid="sum-free">0<`) {
		t.Fatalf("the list is %v of %s", got, all.Raw)
	}
	page := v.look("/admin/orders?limit=2")
	walked := listedUnits(page)
	for to := linkNamed(page, "page-later"); to != ""; to = linkNamed(page, "page-later") {
		page = v.look(to)
		walked = append(walked, listedUnits(page)...)
	}
	if !slices.Equal(walked, listedUnits(all)) {
		t.Errorf("page by page: %v", walked)
	}
	if back := v.look(linkNamed(page, "page-earlier")); !slices.Equal(listedUnits(back), []string{"3", "2"}) || !slices.Equal(listedUnits(v.look(linkNamed(back, "page-last"))), []string{"2", "1"}) || !slices.Equal(listedUnits(v.look(linkNamed(back, "page-first"))), []string{"5", "4"}) {
		t.Errorf("back from the end: %v", listedUnits(back))
	}
	id := bought[2].Text("purchaseId")
	number := c.Call(http.MethodGet, "/api/admin/orders/"+id, nil).Body["order"].(map[string]any)["orderNumber"].(string)
	for _, q := range []string{id, number, strings.ToLower(strings.ReplaceAll(number, "-", "")), "ALICE_brown", "alice_brown_1@example.com", "3"} {
		for _, filter := range []string{"", "&state=confirmed&generation=1&from=2000-01-01T00:00&to=2900-01-01T00:00"} {
			if r := v.look("/admin/orders?sale=flash-sale&q=" + url.QueryEscape(q) + filter); !slices.Equal(listedUnits(r), []string{"3"}) {
				t.Errorf("%s%s finds %v", q, filter, listedUnits(r))
			}
		}
	}
	for _, q := range []string{"q=nobody", "q=77", "state=cancelled", "to=2001-01-01T00:00", "q=3&state=cancelled"} {
		if r := v.look("/admin/orders?" + q); r.Status != http.StatusOK || len(listedUnits(r)) != 0 || !strings.Contains(r.Raw, `data-testid="orders-none"`) {
			t.Errorf("%s finds %v", q, listedUnits(r))
		}
	}
	// After a reset the order is in a generation of the past, and its number still finds it.
	c.Act(http.MethodPost, "/api/flash-sale/reset", map[string]bool{"resetToSmallStock": true}).Is(t, http.StatusOK, "")
	if r := v.look("/admin/orders?sale=flash-sale&q=" + number); !slices.Equal(listedUnits(r), []string{"3"}) || !strings.Contains(r.Raw, `data-testid="orders-note"`) {
		t.Errorf("after a reset: %v", listedUnits(r))
	}
	if r := v.look("/admin/orders?generation=1"); len(listedUnits(r)) != 5 || !strings.Contains(r.Raw, `data-testid="sum-sold">5<`) || len(listedUnits(v.look("/admin/orders"))) != 0 {
		t.Errorf("the generation of the past: %v", listedUnits(r))
	}
	if step := v.look("/admin/orders/" + id + "/cancel"); !strings.Contains(step.Raw, "goes back to the stock of generation 1, which is over") {
		t.Errorf("before a cancellation in a generation of the past: %s", step.Raw)
	}
}

// An operator cancels an order in two steps. The order, the stock, the shopper's own page and the receipt say so.
func TestAnOrderIsCancelledByItsPageAndItsShopperIsTold(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.Demo, d.Config.MailDev, d.Config.OperatorSecondFactor = false, true, false
	a := d.start(t)
	invitation, err := a.wiring.acts.InviteFirstOwner(t.Context(), operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"})
	if err != nil {
		t.Fatal(err)
	}
	owner := newVisitor(t, a.URL())
	if r := owner.post("/invitations/"+invitation.Token, form{"username": "olga", "password": goodPassword}); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	viewer, acting := deskMember(t, a, owner, "vera", login.Viewer.String()), deskMember(t, a, owner, "oscar", login.Operator.String())
	buyer := deskVisitor{newVisitor(t, a.URL())}
	if !buyer.signUpByCode(a, "buyer@example.com", form{"username": "buyer"}) {
		t.Fatal("nobody can buy")
	}
	order := buyer.buy()
	if order.Status != http.StatusCreated {
		t.Fatalf("%d %s", order.Status, order.Raw)
	}
	page := "/admin/orders/" + order.Text("purchaseId")
	receipt := linkNamed(buyer.look("/account/orders"), "receipt-link")
	if before := buyer.look(receipt); !strings.Contains(before.Raw, `data-testid="receipt-bought"`) {
		t.Fatalf("the receipt at %q: %d", receipt, before.Status)
	}
	for _, who := range []struct {
		name string
		deskVisitor
		looks, steps int
	}{{"nobody", deskVisitor{newVisitor(t, a.URL())}, 303, 303}, {"the shopper", buyer, 403, 403}, {"a viewer", viewer, 200, 403}, {"an operator", acting, 200, 200}} {
		for _, path := range []string{"/admin/orders", page, "/admin/sales/flash-sale/units"} {
			r := who.look(path)
			if r.Status != who.looks || strings.Contains(r.Raw, receipt) {
				t.Errorf("%s at %s: %d", who.name, path, r.Status)
			}
			if strings.Contains(r.Raw, `data-testid="orders-export"`) != (who.name == "an operator" && path == "/admin/orders") || strings.Contains(r.Raw, `data-testid="order-cancel"`) != (who.name == "an operator" && path == page) {
				t.Errorf("%s at %s is offered what is not theirs, or not what is", who.name, path)
			}
		}
		if r := who.look(page + "/cancel"); r.Status != who.steps {
			t.Errorf("%s before an act: %d", who.name, r.Status)
		}
	}
	step := acting.look(page + "/cancel")
	if r := acting.press(step, url.Values{"reason": {""}}); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Raw, `id="reason-error"`) {
		t.Errorf("without a reason: %d", r.Status)
	}
	typed := url.Values{"reason": {"paid twice,\r\nasked for it"}}
	for range 2 { // the same form again is the same act
		if r := acting.press(step, typed); r.Status != http.StatusSeeOther || r.Header.Get("Location") != page+"?done=cancel" {
			t.Fatalf("%d %s", r.Status, r.Raw)
		}
	}
	shown := acting.look(page + "?done=cancel")
	for _, said := range []string{`data-testid="notice"`, `data-state="cancelled"`, "paid twice", "order.cancelled", "partition", `<strong>Cancelled by oscar</strong>`, "says that the order was cancelled"} {
		if !strings.Contains(shown.Raw, said) {
			t.Errorf("the order's page lacks %q", said)
		}
	}
	if r := acting.look(page + "/cancel"); !strings.Contains(r.Raw, `data-testid="off"`) || strings.Contains(shown.Raw, `data-testid="order-cancel"`) {
		t.Error("a cancelled order can be cancelled")
	}
	if r := acting.look("/admin/sales/flash-sale/units"); !strings.Contains(r.Raw, "came back from a cancelled order") || !strings.Contains(r.Raw, "paid twice") || !strings.Contains(r.Raw, `data-testid="sum-sold">0<`) {
		t.Errorf("the units: %s", r.Raw)
	}
	if r := acting.look("/admin/sales/flash-sale"); !strings.Contains(r.Raw, ">Order cancelled</a>") || !strings.Contains(r.Raw, `href="`+page+`"`) {
		t.Error("the sale's page does not say who cancelled an order")
	}
	if mine := buyer.look("/account/orders"); !strings.Contains(mine.Raw, ">Cancelled<") || strings.Contains(mine.Raw, "paid twice") {
		t.Errorf("the shopper's orders: %s", mine.Raw)
	}
	if r := buyer.look(receipt); !strings.Contains(r.Raw, `data-testid="receipt-cancelled"`) || strings.Contains(r.Raw, `data-testid="receipt-bought"`) {
		t.Errorf("the receipt: %d", r.Status)
	}
	buyer.visitor.header = nil
	if again := buyer.buy(); again.Status != http.StatusCreated || again.Number("unit") != order.Number("unit") {
		t.Errorf("the shopper buys again: %d %s", again.Status, again.Raw)
	}
	unit := acting.look("/admin/orders?q=1")
	if got := listedUnits(unit); !slices.Equal(got, []string{"1", "1"}) || !strings.Contains(unit.Raw, "These are the orders of unit 1") {
		t.Errorf("who has the unit and who had it: %v", got)
	}
}
