package instance

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/sale/storefront"
	"flashsale/users/login"
)

// actsOfOperators are the names of all acts that package operator writes into the audit log about a sale, an order, a picture, a shopper,
// a member of the team or the brand.
func actsOfOperators(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("../operator/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	named := regexp.MustCompile(`"((?:sale|order|picture|shopper|team|brand)\.[a-z-]+)"`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, found := range named.FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(all, found[1]) {
				all = append(all, found[1])
			}
		}
	}
	return all
}

func onePicture(t *testing.T, shade uint8) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 240, 200))
	for i := range 240 * 200 {
		img.Set(i%240, i/240, color.RGBA{R: shade, G: uint8(i), B: uint8(i / 240), A: 255})
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// everyAct does each act of operators at least once, by the acts themselves, as pages, programs and commands do.
func everyAct(t *testing.T, a *Instance, unit string) {
	t.Helper()
	ctx, o, act := t.Context(), a.wiring.acts, operator.Act{ActKey: audit.ActKey{Principal: "olga"}, Means: "command"}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	text := func(s string) *string { return &s }
	number := func(n int64) *int64 { return &n }
	made := sale.Creation{
		Slug: "lamp", StartsAt: time.Now().Add(time.Hour).UTC(), EndsAt: time.Now().Add(2 * time.Hour).UTC(), Zone: "UTC", Total: 9,
		Limit: sale.PressLimit{AccountRate: 2, AccountBurst: 10, NetworkRate: 50, NetworkBurst: 250}, Product: sale.Product{Name: "Lamp", Details: []string{}, Specification: []sale.Fact{}, ImportantInfo: []string{}, PriceMinor: 900, CurrencyCode: "EUR", CurrencySymbol: "€"},
	}
	_, err := o.Create(ctx, act, made)
	must("create", err)
	_, err = o.Duplicate(ctx, act, "lamp", sale.Creation{Slug: "lamp-again"})
	must("duplicate", err)
	_, err = o.Archive(ctx, act, "lamp-again", true)
	must("archive", err)
	_, err = o.Archive(ctx, act, "lamp-again", false)
	must("bring back", err)
	_, err = o.Schedule(ctx, act, "lamp")
	must("schedule", err)
	_, err = o.Open(ctx, act, "lamp")
	must("open", err)
	for field, to := range map[string]sale.Amendment{
		"name": {Name: text("Lämp")}, "description": {Description: text("It shines.")}, "price": {PriceMinor: number(1000), DiscountMinor: number(100)},
		"currency": {CurrencyCode: text("USD")}, "message": {Message: text("back at 10:15")}, "zone": {Zone: text("Europe/Berlin")},
		"limits": {AccountRate: number(3), NetworkBurst: number(300)}, "stock": {Total: number(12)},
		"lists": {Details: &[]string{"Bright"}, Specification: &[]sale.Fact{{Name: "Weight", Value: "2 kg"}}, ImportantInfo: &[]string{"Hot"}},
		"texts": {Texts: &map[sale.Status]string{sale.Upcoming: "Soon", sale.SoldOut: "Gone"}},
	} {
		_, err = o.Amend(ctx, act, "lamp", to)
		must("amend the "+field, err)
	}
	_, err = o.Extend(ctx, act, "lamp", time.Minute)
	must("extend", err)
	_, err = o.SetStock(ctx, act, "lamp", 20)
	must("stock", err)
	_, err = o.ChangeStock(ctx, act, "lamp", operator.StockChange{Add: 5}, 100)
	must("more stock", err)
	_, err = o.Pause(ctx, act, "lamp")
	must("pause", err)
	_, err = o.Resume(ctx, act, "lamp")
	must("resume", err)
	first, err := o.AddPicture(ctx, act, "lamp", onePicture(t, 10), "Red")
	must("add a picture", err)
	second, err := o.AddPicture(ctx, act, "lamp", onePicture(t, 200), "Blue")
	must("add another", err)
	_, err = o.ArrangePictures(ctx, act, "lamp", []string{second.Picture.ID, first.Picture.ID})
	must("arrange", err)
	_, err = o.DescribePicture(ctx, act, "lamp", first.Picture.ID, "Red, from the side")
	must("describe", err)
	_, err = o.RemovePicture(ctx, act, "lamp", second.Picture.ID)
	must("remove a picture", err)
	_, err = o.Close(ctx, act, "lamp")
	must("close", err)
	order, err := a.wiring.sales.OrdersOf(ctx, a.accountNamed(t, "john_doe_1"), 1)
	if err != nil || len(order) != 1 || order[0].OrderID.String() != unit {
		t.Fatal(order, err)
	}
	_, err = o.CancelOrder(ctx, act, order[0].OrderID, "paid twice")
	must("cancel", err)
	_, err = o.Reset(ctx, act, "flash-sale", true)
	must("reset", err)
	_, err = o.Preset(ctx, act, "flash-sale", sale.Preset{Name: "x", Stock: 7, Users: 10})
	must("preset", err)
	_, err = o.Bar(ctx, act, "john_doe_1", false, "a bot")
	must("bar", err)
	_, err = o.Bar(ctx, act, "john_doe_1", true, "not a bot")
	must("unbar", err)
	link, err := o.InviteFirstOwner(ctx, act)
	must("invite the first owner", err)
	jane := operator.Act{ActKey: audit.ActKey{Principal: "jane_smith_1"}, Account: a.accountNamed(t, "jane_smith_1"), Means: "session"}
	_, err = o.Accept(ctx, jane, link.Token)
	must("accept", err)
	_, err = o.Invite(ctx, jane, login.Viewer)
	must("invite", err)
	_, err = o.SetRole(ctx, jane, "john_doe_1", login.Operator)
	must("role", err)
	if _, err := a.wiring.servers.pool.Exec(ctx, `INSERT INTO second_factors (user_id, secret, confirmed_at) VALUES ($1, 'sealed:x', now())`, a.accountNamed(t, "john_doe_1")); err != nil {
		t.Fatal(err)
	}
	_, err = o.ResetSecondFactor(ctx, jane, "john_doe_1")
	must("second factor", err)
	_, err = o.SetBrand(ctx, act, &storefront.Brand{Name: "Acme"})
	must("brand", err)
	_, err = o.ResetBrand(ctx, act)
	must("no brand", err)
}

func (a *Instance) accountNamed(t *testing.T, name string) int64 {
	t.Helper()
	found, _, err := a.wiring.users.Named(t.Context(), []string{name}, nil)
	if err != nil || len(found) != 1 {
		t.Fatal(name, found, err)
	}
	return found[0].ID
}

// Whoever reads the audit log learns of every act what was there before and after, whichever act it was.
func TestEveryActSaysWhatWasBeforeAndAfter(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	mine := newClient(t, a.URL()).BuySettled("john_doe_1")
	everyAct(t, a, mine.Text("purchaseId"))
	recorded, err := a.wiring.audit.Recent(t.Context(), 200)
	if err != nil {
		t.Fatal(err)
	}
	changes := map[string][]string{} // the fields that each act has changed
	for _, r := range recorded {
		var detail struct {
			Before, After any
			MoneyIn       string
		}
		if err := json.Unmarshal(r.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		after, _ := detail.After.(map[string]any)
		before, _ := detail.Before.(map[string]any)
		if after["priceMinor"] != nil && after["currency"] == nil && detail.MoneyIn == "" {
			t.Errorf("%s names no currency: %s", r.Action, r.Detail)
		}
		makes := r.Action == "sale.create" || r.Action == "sale.duplicate"
		switch {
		case r.Action == "team.invite", r.Action == "team.invite-first-owner", r.Action == "brand.set", r.Action == "brand.reset":
			// A link changes nothing until it is used. A brand has its name before and after.
			changes[r.Action] = append(changes[r.Action], "")
			continue
		case len(after) == 0, makes != (before == nil):
			t.Errorf("%s says %s", r.Action, r.Detail)
		}
		for name := range after {
			if was, there := before[name]; !makes && (!there || reflect.DeepEqual(was, after[name])) {
				t.Errorf("%s: %s was %v and is %v", r.Action, name, was, after[name])
			}
		}
		changes[r.Action] = append(changes[r.Action], slices.Sorted(maps.Keys(after))...)
	}
	for action, fields := range map[string]string{
		"sale.amend":  "name description priceMinor discountMinor currency message zone accountPressRate networkPressBurst stock revision details specification importantInfo textUpcoming textSoldOut",
		"sale.create": "name stock startTime endTime state accountPressRate", "sale.stock": "stock", "sale.extend": "endTime", "sale.open": "startTime",
		"sale.pause": "state", "sale.resume": "state", "sale.close": "state", "sale.schedule": "state", "sale.archive": "archived", "sale.bring-back": "archived",
		"sale.reset": "generation", "sale.preset": "generation stock", "order.cancel": "order sold", "picture.add": "pictures",
		"picture.remove": "pictures", "picture.describe": "pictures", "picture.arrange": "pictures", "shopper.bar": "canPurchase", "shopper.unbar": "canPurchase",
		"team.role": "role", "team.accept": "role", "team.reset-second-factor": "secondFactor",
	} {
		for _, name := range strings.Fields(fields) {
			if !slices.Contains(changes[action], name) {
				t.Errorf("%s says nothing of %s: it says %v", action, name, changes[action])
			}
		}
	}
	for _, action := range actsOfOperators(t) {
		if len(changes[action]) == 0 {
			t.Errorf("this test does no %s", action)
		}
		if desk.ActName(t.Context(), action) == action || !slices.Contains(desk.ActNames(), action) {
			t.Errorf("pages have no name for %s", action)
		}
	}
	if http.StatusOK != newClient(t, a.URL()).Call(http.MethodGet, "/api/admin/audit", nil).Status {
		t.Error("the list cannot be read")
	}
}

// What operators see of shoppers and of acts, through the product's own wiring: the limits that an account has met, the acts on it, and
// the acts that were refused, with what they were on.
func TestTheDeskKnowsShoppersAndRefusedActs(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	html := "Accept: text/html"
	c.Amend(map[string]any{"networkPressRate": 1, "networkPressBurst": 1}).Is(t, http.StatusOK, "")
	eventually(t, "a network presses too often", func() bool {
		from := netip.AddrFrom4([4]byte{198, 51, 100, byte(time.Now().UnixNano())})
		a.wiring.checkout.Buy(t.Context(), sale.PurchaseRequest{Name: "john_doe", From: from})
		return a.wiring.checkout.Buy(t.Context(), sale.PurchaseRequest{Name: "alice_brown_1", From: from}).Kind == sale.TooOften ||
			a.wiring.checkout.Buy(t.Context(), sale.PurchaseRequest{Name: "edward_garcia_1", From: from}).Kind == sale.TooOften
	})
	eventually(t, "which limit was met is shown", func() bool {
		met := ""
		for _, name := range []string{"alice_brown_1", "edward_garcia_1"} {
			met += c.Act(http.MethodGet, "/admin/shoppers/"+name, nil, html).Raw
		}
		return strings.Contains(met, "Presses of the button") && strings.Contains(met, "by everybody in its network together")
	})
	if page := c.Act(http.MethodGet, "/admin/shoppers/john_doe_1", nil, html); !strings.Contains(page.Raw, `data-testid="met-none"`) {
		t.Error("who met no limit has met one")
	}
	c.Act(http.MethodPost, "/api/admin/shoppers/john_doe_1/bar", map[string]string{"reason": "a bot"}).Is(t, http.StatusOK, "")
	if page := c.Act(http.MethodGet, "/admin/shoppers/JOHN_doe_1", nil, html); !strings.Contains(page.Raw, "Shopper barred") || !strings.Contains(page.Raw, "a bot") {
		t.Errorf("the act on the account is not shown: %s", page.Raw)
	}

	// 409, 412 and 422, on a sale, an order and a shopper.
	c.Act(http.MethodPost, "/api/admin/sales/flash-sale/resume", nil, "If-Match: *").Is(t, http.StatusConflict, "wrong-state")
	c.Act(http.MethodPost, "/api/admin/sales/flash-sale/stock", map[string]any{"how": "set", "amount": 9}, `If-Match: "77"`).Is(t, http.StatusPreconditionFailed, "revision-changed")
	unknown := "00000000-0000-8000-8000-000000000000"
	c.Act(http.MethodPost, "/api/admin/orders/"+unknown+"/cancel", map[string]string{"reason": "x"}).Is(t, http.StatusNotFound, "no-order")
	c.Act(http.MethodPost, "/api/admin/shoppers/nobody_here/bar", map[string]string{"reason": " "}).Is(t, http.StatusUnprocessableEntity, "invalid-request")
	var refused []map[string]any
	eventually(t, "refused acts are written", func() bool {
		refused = rowsOf(c.Call(http.MethodGet, "/api/admin/audit?refused=1", nil), "acts")
		return len(refused) == 4
	})
	said := map[string]bool{}
	for _, r := range refused {
		d, _ := r["detail"].(map[string]any)
		for _, name := range []string{"sale", "order", "shopper"} {
			if on, ok := d[name].(string); ok {
				said[on+" "+d["why"].(string)] = true
			}
		}
	}
	for _, want := range []string{"flash-sale wrong-state", "flash-sale revision-changed", unknown + " no-order", "nobody_here invalid-request"} {
		if !said[want] {
			t.Errorf("no refusal %q: %v", want, refused)
		}
	}
	if of := rowsOf(c.Call(http.MethodGet, "/api/admin/audit?refused=1&sale=flash-sale", nil), "acts"); len(of) != 2 {
		t.Errorf("of the sale are %v", of)
	}
	// Pages lead from one to the next, and each act stands on one of them.
	seen, to := map[string]bool{}, "/admin/audit?limit=2"
	link := regexp.MustCompile(`href="([^"]*)" rel="next"`)
	for n := 0; to != "" && n < 20; n++ {
		page := c.Act(http.MethodGet, to, nil, html)
		page.Is(t, http.StatusOK, "")
		for _, found := range regexp.MustCompile(`href="(/admin/audit/\d+)"`).FindAllStringSubmatch(page.Raw, -1) {
			if seen[found[1]] {
				t.Errorf("%s stands twice", found[1])
			}
			seen[found[1]] = true
			c.Act(http.MethodGet, found[1], nil, html).Is(t, http.StatusOK, "")
		}
		to = ""
		if next := link.FindStringSubmatch(page.Raw); next != nil {
			to = strings.ReplaceAll(next[1], "&amp;", "&")
		}
	}
	if len(seen) != 6 { // the amendment, the barring, and what was refused
		t.Errorf("the pages have %d acts", len(seen))
	}
	c.Act(http.MethodGet, "/admin/audit/999999", nil, html).Is(t, http.StatusNotFound, "")
}
