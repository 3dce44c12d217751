package instance

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"flashsale/app/operator"
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
		var detail struct{ Before, After any }
		if err := json.Unmarshal(r.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		after, _ := detail.After.(map[string]any)
		before, _ := detail.Before.(map[string]any)
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
		"sale.amend":  "name description priceMinor discountMinor currency message zone accountPressRate networkPressBurst stock revision",
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
	}
	if http.StatusOK != newClient(t, a.URL()).Call(http.MethodGet, "/api/admin/audit", nil).Status {
		t.Error("the list cannot be read")
	}
}
