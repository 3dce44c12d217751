package ledger

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/sale/saletest"
)

// sold fails the test unless an order shows that name and that price, by itself and among the orders of its shopper.
func (d *ledgerFixture) sold(when string, id uuid.UUID, name string, price int64) {
	d.t.Helper()
	o, err := d.Order(saletest.Context(d.t), id)
	d.Must(err)
	list, err := d.OrdersOf(saletest.Context(d.t), o.UserID, 10)
	d.Must(err)
	if len(list) != 1 || list[0].OrderID != id || list[0].Sold.Name != o.Sold.Name || list[0].Sold.PriceMinor != o.Sold.PriceMinor {
		d.t.Errorf("%s: of its shopper: %+v", when, list)
	}
	p := o.Sold
	if p.Name != name || o.Product != name || p.PriceMinor != price || p.CurrencyCode != "USD" || p.CurrencySymbol != "$" ||
		p.Images.Main.URL != firstProduct().Images.Main.URL || len(p.ImportantInfo) == 0 {
		d.t.Errorf("%s: %s sold %+v, want %s for %d", when, id, p, name, price)
	}
}

// An order keeps what was sold, whatever the product becomes. That it does not change costs nothing: a product that only gets another
// description has no new revision.
func TestAnOrderShowsWhatWasSoldThen(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 9)
	was := firstProduct()
	first := d.decideOne(d.claim(1, 1))
	d.Exec(`UPDATE products SET name = 'Aurora Two', price_minor = 1000, discount_minor = 0 WHERE sale_id = $1`, d.key.Sale)
	second := d.decideOne(d.claim(2, 1))
	d.Exec(`UPDATE products SET description = 'Now in blue' WHERE sale_id = $1`, d.key.Sale)
	third := d.decideOne(d.claim(3, 1))
	d.Exec(`UPDATE products SET name = 'Aurora Three' WHERE sale_id = $1`, d.key.Sale)

	d.sold("before it was renamed", first.ClaimID, was.Name, was.PriceMinor)
	d.sold("after it was renamed", second.ClaimID, "Aurora Two", 1000)
	d.sold("with another description", third.ClaimID, "Aurora Two", 1000)
	var revisions, last int64
	d.Must(d.Pool.QueryRow(t.Context(), `SELECT count(*), max(revision) FROM product_revisions WHERE sale_id = $1`, d.key.Sale).Scan(&revisions, &last))
	if revisions != 3 || last != 3 {
		t.Errorf("%d revisions, the last is %d", revisions, last)
	}
	d.cancel(first.ClaimID)
	d.sold("cancelled", first.ClaimID, was.Name, was.PriceMinor)
}

// Two sales in one batch, each with a product of its own.
func TestEachSaleOfABatchHasItsOwnRevision(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	other := d.secondSale(5)
	d.Exec(`UPDATE products SET name = 'Another thing', price_minor = 7, discount_minor = 0 WHERE sale_id = $1`, other.key.Sale)
	made := d.decide(d.claim(1, 1), other.claim(2, 1))
	d.sold("the first sale", made.Verdicts[0].ClaimID, firstProduct().Name, firstProduct().PriceMinor)
	d.sold("the second sale", made.Verdicts[1].ClaimID, "Another thing", 7)
}

// A program of the version before writes no revision. Its orders, and those from before there were revisions, show the product as it was
// when they were decided.
func TestAnOrderWithoutARevisionShowsTheProductOfItsTime(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 9)
	was := firstProduct()
	insert := func(user int64, when string) uuid.UUID {
		t.Helper()
		id := uuid.New()
		d.Exec(`INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at)
			VALUES ($1, $2, 1, $3, 'shopper', $3, 1, 1, clock_timestamp() + $4::interval)`, id, d.key.Sale, user, when)
		return id
	}
	old, first := insert(1, "-1 year"), insert(2, "0")
	d.Exec(`UPDATE products SET name = 'Aurora Two', price_minor = 1000, discount_minor = 0 WHERE sale_id = $1`, d.key.Sale)
	second := insert(3, "0")
	d.Exec(`UPDATE products SET name = 'Aurora Three' WHERE sale_id = $1`, d.key.Sale)
	d.sold("before there were revisions", old, was.Name, was.PriceMinor)
	d.sold("before it was renamed", first, was.Name, was.PriceMinor)
	d.sold("after it was renamed", second, "Aurora Two", 1000)
}

// Which product an order sold is decided by the lock of the stock row, as the order is: whoever changes the product under it changes it
// before or after an order, whatever the clocks say.
func TestTheRevisionIsThatOfTheDecision(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 9)
	d.Exec(`UPDATE products SET name = 'Aurora Two' WHERE sale_id = $1`, d.key.Sale)
	// As if the clock had been an hour ahead when the product was renamed.
	d.Exec(`ALTER TABLE product_revisions DISABLE TRIGGER product_revisions_stay`)
	d.Exec(`UPDATE product_revisions SET since = clock_timestamp() + $1 WHERE revision = 2`, time.Hour)
	won := d.decideOne(d.claim(1, 1))
	d.sold("decided before the revision by the clock", won.ClaimID, "Aurora Two", firstProduct().PriceMinor)
}

// What was sold stays, also for whoever repairs something by hand.
func TestRevisionsOfProductsStay(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	for _, sql := range []string{`UPDATE product_revisions SET price_minor = 1`, `DELETE FROM product_revisions`, `TRUNCATE product_revisions`} {
		if _, err := d.Pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s: done", sql)
		}
	}
	won := d.decideOne(d.claim(1, 1))
	d.sold("after that", won.ClaimID, firstProduct().Name, firstProduct().PriceMinor)
}
