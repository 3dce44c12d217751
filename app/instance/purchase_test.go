package instance

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"flashsale/users"
)

// allAtOnce sends one request per shopper at the same moment and returns the answers in the shoppers' order.
func allAtOnce(t *testing.T, n int, ask func(i int) reply) []reply {
	t.Helper()
	answers := make([]reply, n)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			answers[i] = ask(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return answers
}

func statuses(answers []reply) map[int]int {
	codes := map[int]int{}
	for _, a := range answers {
		codes[a.Status]++
	}
	return codes
}

// shopperName is the i-th shopper of the seeded series, from 0.
func shopperName(i int) string { return users.AbleName(i + 1) }

func TestOnePurchaseFromPressToReceipt(t *testing.T) {
	t.Parallel()
	c := newClient(t, startProduct(t))
	bought := c.BuySettled("john_doe_1")
	if bought.Status != http.StatusCreated || bought.Text("message") != "Purchase successful!" || bought.Text("purchaseId") == "" {
		t.Fatalf("the first request: %d %s", bought.Status, bought.Raw)
	}
	again := c.Buy("  JOHN_DOE_1 ")
	if again.Status != http.StatusOK || again.Text("purchaseId") != bought.Text("purchaseId") || again.Body["success"] != false {
		t.Errorf("the repeat: %d %s", again.Status, again.Raw)
	}
	if s := c.Status(); s.Number("currentStock") != 4 || s.Number("sold") != 1 {
		t.Errorf("the status right after it: %s", s.Raw)
	}
	check := c.Call(http.MethodGet, "/api/flash-sale/purchase/john_doe_1", nil)
	if check.Body["hasPurchased"] != true || check.Text("purchaseId") != bought.Text("purchaseId") {
		t.Errorf("the check: %s", check.Raw)
	}
	c.Verifies()
}

func TestAThousandShoppersForFiveUnits(t *testing.T) {
	t.Parallel()
	c := newClient(t, startProduct(t))
	if r := c.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": users.AbleLength(1000)}); r.Status != http.StatusOK {
		t.Fatalf("seed: %d %s", r.Status, r.Raw)
	}
	answers := allAtOnce(t, 1000, func(i int) reply { return c.BuySettled(shopperName(i)) })
	codes := statuses(answers)
	if codes[http.StatusCreated] != 5 || codes[http.StatusConflict] != 995 {
		t.Errorf("answers by code: %v, want 5 x 201 and 995 x 409", codes)
	}
	units := map[float64]bool{}
	for _, a := range answers {
		if a.Status == http.StatusCreated {
			units[a.Number("unit")] = true
		}
	}
	if len(units) != 5 {
		t.Errorf("units sold: %v", units)
	}
	if s := c.Status(); s.Text("status") != "sold-out" || s.Number("currentStock") != 0 {
		t.Errorf("status afterwards: %s", s.Raw)
	}
	c.Verifies()
}

func TestOneShopperPressing400TimesOwnsOneUnit(t *testing.T) {
	t.Parallel()
	c := newClient(t, startProduct(t))
	answers := allAtOnce(t, 400, func(int) reply { return c.Buy("jane_smith_1") })
	codes := statuses(answers)
	// On a busy machine some requests are answered "pending" or "safe to retry"; no other answer is right.
	if codes[http.StatusCreated] > 1 || codes[http.StatusCreated]+codes[http.StatusOK]+codes[http.StatusAccepted]+codes[http.StatusServiceUnavailable] != 400 {
		t.Errorf("answers by code: %v, want at most one 201 and else 200", codes)
	}
	receipt := c.BuySettled("jane_smith_1").Text("purchaseId")
	for _, a := range answers {
		if (a.Status == http.StatusCreated || a.Status == http.StatusOK) && a.Text("purchaseId") != receipt {
			t.Fatalf("another receipt than %s: %s", receipt, a.Raw)
		}
	}
	if s := c.Status(); s.Number("sold") != 1 {
		t.Errorf("sold: %s", s.Raw)
	}
	c.Verifies()
}

func TestReceiptIsFoundInEveryStateOfTheSale(t *testing.T) {
	t.Parallel()
	c := newClient(t, startProduct(t))
	receipt := c.BuySettled("john_doe_1").Text("purchaseId")
	found := func(state string) {
		t.Helper()
		if r := c.Buy("john_doe_1"); r.Status != http.StatusOK || r.Text("purchaseId") != receipt {
			t.Errorf("%s: %d %s", state, r.Status, r.Raw)
		}
	}
	c.Call(http.MethodPost, "/api/admin/pause", nil)
	found("paused")
	if r := c.Buy("jane_smith_1"); r.Status != http.StatusConflict || r.Text("type") != "/problems/paused" {
		t.Errorf("a new shopper while paused: %d %s", r.Status, r.Raw)
	}
	c.Call(http.MethodPost, "/api/admin/resume", nil)
	if r := c.Call(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 1}); r.Status != http.StatusOK {
		t.Fatalf("update-stock: %d %s", r.Status, r.Raw)
	}
	found("sold out")
	if r := c.Buy("jane_smith_1"); r.Text("type") != "/problems/sold-out" {
		t.Errorf("a new shopper while sold out: %d %s", r.Status, r.Raw)
	}
	c.Call(http.MethodPost, "/api/admin/close", nil)
	eventually(t, "the sale to end", func() bool { return c.Status().Text("status") == "ended" })
	found("ended")
	if r := c.Buy("nobody at all"); r.Text("type") != "/problems/ended" {
		t.Errorf("an unknown name after the end: %d %s", r.Status, r.Raw)
	}
	c.Verifies()
}

func TestSoldOutSaleReopensWhenStockComesBack(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	here, there := newClient(t, d.start(t).URL()), newClient(t, d.start(t).URL())
	here.Call(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 1})
	if r := here.BuySettled("john_doe_1"); r.Status != http.StatusCreated {
		t.Fatalf("buy: %d %s", r.Status, r.Raw)
	}
	eventually(t, "both instances to say sold out", func() bool {
		return here.Buy("jane_smith_1").Text("type") == "/problems/sold-out" && there.Buy("jane_smith_1").Text("type") == "/problems/sold-out"
	})
	here.Call(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 3})
	if s := here.Status(); s.Number("currentStock") != 2 {
		t.Errorf("the operator's own instance right after: %s", s.Raw)
	}
	if r := here.BuySettled("jane_smith_1"); r.Status != http.StatusCreated {
		t.Errorf("buy right after on the operator's own instance: %d %s", r.Status, r.Raw)
	}
	eventually(t, "the other instance to sell again", func() bool { return there.Buy("alice_brown_1").Status == http.StatusCreated })
	here.Verifies()
}

func TestInstancesShareOneStock(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	clients := []*client{newClient(t, d.start(t).URL()), newClient(t, d.start(t).URL()), newClient(t, d.start(t).URL())}
	if r := clients[0].Call(http.MethodPost, "/api/flash-sale/stock-preset/medium", nil); r.Status != http.StatusOK {
		t.Fatalf("preset: %d %s", r.Status, r.Raw)
	}
	for _, c := range clients {
		eventually(t, "the preset on every instance", func() bool { return c.Status().Number("maxStock") == 100 })
	}
	answers := allAtOnce(t, 150, func(i int) reply {
		return clients[i%3].BuySettled(shopperName(i))
	})
	sold := slices.DeleteFunc(slices.Clone(answers), func(a reply) bool { return a.Status != http.StatusCreated })
	codes := statuses(answers)
	if codes[http.StatusCreated] != 100 || codes[http.StatusConflict] != 50 {
		t.Errorf("answers by code: %v, want 100 x 201 and 50 x 409", codes)
	}
	receipts := map[string]bool{}
	for _, a := range sold {
		receipts[a.Text("purchaseId")] = true
	}
	if len(receipts) != len(sold) {
		t.Errorf("%d receipts for %d purchases", len(receipts), len(sold))
	}
	for _, c := range clients {
		c.Verifies()
	}
}

// While nothing fails, claims are decided through the log. Without this test the direct path hides a ledger that does not read
// the log.
func TestClaimsAreDecidedThroughTheLog(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	for i := range 5 {
		if r := c.BuySettled(shopperName(i)); r.Status != http.StatusCreated {
			t.Fatalf("buy: %d %s", r.Status, r.Raw)
		}
	}
	eventually(t, "the ledger to have read the log", func() bool {
		lags, err := a.wiring.ledger.Lag(t.Context())
		if err != nil {
			return false
		}
		read := int64(0)
		for _, l := range lags {
			if l.Records > 0 {
				return false
			}
			read += l.Cursor
		}
		return read >= 5
	})
}
