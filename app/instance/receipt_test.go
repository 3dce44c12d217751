package instance

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users"
)

// logged takes the log of an instance.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// receiptOf is the address of the receipt that somebody was given.
func receiptOf(t *testing.T, a *Instance, bought reply) string {
	t.Helper()
	id := idOf(t, bought)
	o, err := a.wiring.sales.Order(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	path := request.ReceiptPath(a.wiring.catalog.ReceiptSecret(o.Receipt))
	if path == "" {
		t.Fatalf("no address of the receipt %s", id)
	}
	return path
}

// showsReceipt fails the test when a receipt is not that of what was bought.
func showsReceipt(t *testing.T, c *client, path string, bought reply) reply {
	t.Helper()
	r := c.Call(http.MethodGet, path, nil)
	if r.Status != http.StatusOK || r.Text("orderNumber") != sale.OrderNumber(idOf(t, bought)) {
		t.Errorf("%s: %d %s", path, r.Status, r.Raw)
	}
	for _, field := range []string{"purchaseId", "userId", "timestamp"} {
		if r.Text(field) != bought.Text(field) {
			t.Errorf("%s is %q, was %q", field, r.Text(field), bought.Text(field))
		}
	}
	if r.Number("unit") != bought.Number("unit") || r.Text("product") == "" || r.Text("price") == "" {
		t.Errorf("of %s: %s", bought.Raw, r.Raw)
	}
	return r
}

// A receipt is at the same address in every process, through restarts, resets and cancellations, and also when its owner was archived.
func TestAReceiptIsPermanent(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	c := newClient(t, a.URL())
	bought := c.BuySettled(shopperName(0))
	path := receiptOf(t, a, bought)
	showsReceipt(t, c, path, bought)

	b := d.start(t)
	other := newClient(t, b.URL())
	showsReceipt(t, other, path, bought)
	if got := receiptOf(t, b, bought); got != path {
		t.Errorf("at %s here and at %s there", path, got)
	}
	d.stop(t, a)

	other.Call(http.MethodPost, "/api/flash-sale/reset", nil).Is(t, http.StatusOK, "")
	showsReceipt(t, other, path, bought)
	again := other.BuySettled(shopperName(0))
	if again.Status != http.StatusCreated || receiptOf(t, b, again) == path {
		t.Errorf("bought after the reset: %d %s", again.Status, again.Raw)
	}
	other.Call(http.MethodDelete, "/api/users/reset", nil).Is(t, http.StatusOK, "")
	showsReceipt(t, other, path, bought)
	if _, err := cancelOrder(t, b, idOf(t, bought)); err != nil {
		t.Fatal(err)
	}
	if r := showsReceipt(t, other, path, bought); r.Text("cancelledAt") == "" || r.Body["success"] != false {
		t.Errorf("cancelled: %s", r.Raw)
	}
}

// A receipt shows what was sold, everywhere and in every process, whatever the product has become since.
func TestAReceiptShowsWhatWasSoldThen(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a, b := d.start(t), d.start(t)
	here, there := newClient(t, a.URL()), newClient(t, b.URL())
	before := here.BuySettled(shopperName(0))
	old := showsReceipt(t, here, receiptOf(t, a, before), before)
	if _, err := a.servers.pool.Exec(t.Context(), `UPDATE products SET name = 'Borealis', price_minor = 1200, discount_minor = 100, currency_code = 'EUR', currency_symbol = '€',
		images = jsonb_set(images, '{main}', '{"url":"/static/product/side.svg","alt":"Borealis from the side"}')`); err != nil {
		t.Fatal(err)
	}
	after := there.BuySettled(shopperName(1))
	for _, c := range []*client{here, there} {
		for _, of := range []struct {
			bought                 reply
			name, price, shown, in string
		}{
			{before, old.Text("product"), "299.00", "$299.00", "The headphones from the front"},
			{after, "Borealis", "11.00", "€11.00", "Borealis from the side"},
		} {
			path := receiptOf(t, a, of.bought)
			r := showsReceipt(t, c, path, of.bought)
			if r.Text("product") != of.name || r.Text("price") != of.price {
				t.Errorf("the receipt says %s", r.Raw)
			}
			if got := browse(t, c, nil, path, false).page; !strings.Contains(got, of.name) || !strings.Contains(got, of.shown) || !strings.Contains(got, of.in) {
				t.Errorf("the page of %s does not show %s, %s, %s", of.bought.Text("userId"), of.name, of.shown, of.in)
			}
			if got := c.Call(http.MethodGet, path+"/calendar.ics", nil).Raw; !strings.Contains(got, of.name) || !strings.Contains(got, of.shown) {
				t.Errorf("the calendar entry says %s", got)
			}
		}
	}
	here.Verifies()
}

// Once an account is erased its receipts name nobody any more, in every process.
func TestAnErasedAccountsReceiptIsGone(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a, b := d.start(t), d.start(t)
	c, other := newClient(t, a.URL()), newClient(t, b.URL())
	bought, kept := c.BuySettled(shopperName(0)), c.BuySettled(shopperName(1))
	path, keptPath := receiptOf(t, a, bought), receiptOf(t, a, kept)
	account, err := a.wiring.users.WithName(t.Context(), shopperName(0))
	if err != nil {
		t.Fatal(err)
	}
	erase(t, a, account)
	for _, one := range []*client{c, other} {
		eventually(t, "the receipt to be gone", func() bool { return one.Call(http.MethodGet, path, nil).Status == http.StatusGone })
		for _, end := range []string{"", "/calendar.ics"} {
			r := one.Call(http.MethodGet, path+end, nil)
			if r.Is(t, http.StatusGone, "receipt-erased"); strings.Contains(r.Raw, shopperName(0)) {
				t.Errorf("it names the shopper: %s", r.Raw)
			}
		}
		showsReceipt(t, one, keptPath, kept)
	}
}

func erase(t *testing.T, a *Instance, account users.Account) {
	t.Helper()
	if err := pgx.BeginFunc(t.Context(), a.servers.pool, func(tx pgx.Tx) error { return a.wiring.users.EraseTx(t.Context(), tx, account.ID) }); err != nil {
		t.Fatal(err)
	}
}

// Without Postgres a receipt cannot be read, and the answer says that it is safe. A secret that nobody was given is still
// not there. Nothing that is logged on the way has the secret in it.
func TestWithoutPostgresAReceiptIsSafe(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	log := &logged{}
	d.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	proxy := through(t, &d)
	a := d.start(t)
	c := newClient(t, a.URL())
	bought := c.BuySettled(shopperName(0))
	path := receiptOf(t, a, bought)

	proxy.mu.Lock()
	proxy.away = true
	proxy.cut()
	proxy.mu.Unlock()
	r := c.Call(http.MethodGet, path, nil)
	if r.Is(t, http.StatusServiceUnavailable, "receipt-unavailable"); r.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to ask again")
	}
	forged := request.ReceiptPath(sale.ReceiptSecret([]byte("no sale's key"), idOf(t, bought)))
	c.Call(http.MethodGet, forged, nil).Is(t, http.StatusNotFound, "not-found")
	proxy.back()
	eventually(t, "the receipt", func() bool { return c.Call(http.MethodGet, path, nil).Status == http.StatusOK })
	showsReceipt(t, c, path, bought)
	text := log.String()
	if !strings.Contains(text, "route=/receipts/:secret") {
		t.Fatal("the requests are not logged")
	}
	if strings.Contains(text, strings.TrimPrefix(path, "/receipts/")) {
		t.Errorf("the log has the secret: %s", text)
	}
}
