package ledger

import (
	"bytes"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// emptyDesk is a ledger without a sale.
func emptyDesk(t *testing.T) *ledgerFixture {
	t.Helper()
	pool, _ := embeddedtest.Postgres(t)
	return &ledgerFixture{Store: New(pool, saletest.NewStock(pool), saletest.OpenOutbox(t, pool)), pool: pool}
}

// rowsOf counts what makes up a sale.
func (d *ledgerFixture) rowsOf(t *testing.T) [5]int64 {
	t.Helper()
	var n [5]int64
	for i, table := range []string{"sales", "products", "generations", "stock", "outbox"} {
		n[i] = d.number(t, `SELECT count(*) FROM `+table)
	}
	return n
}

// Every process calls it when it starts, and they all start at once.
func TestProcessesThatStartTogetherCreateOneWholeSale(t *testing.T) {
	t.Parallel()
	d := emptyDesk(t)
	var all sync.WaitGroup
	var created atomic.Int64
	if exists, err := d.Any(saletest.Context(t)); err != nil || exists {
		t.Errorf("a ledger without a sale has one: %v, %v", exists, err)
	}
	start := make(chan struct{})
	for i := range int64(10) {
		all.Go(func() {
			<-start
			made, err := d.EnsureSale(saletest.Context(t), Defaults{Stock: 100 + i})
			if err != nil {
				t.Error(err)
			}
			if made {
				created.Add(1)
			}
			// Whoever did not create it finds it whole: the creator's transaction was over first.
			if got := d.rowsOf(t); got != [5]int64{1, 1, 1, 1, 1} {
				t.Errorf("sales, products, generations, stock, outbox: %v", got)
			}
		})
	}
	close(start)
	all.Wait()
	if exists, err := d.Any(saletest.Context(t)); err != nil || !exists {
		t.Errorf("the sale is not seen: %v, %v", exists, err)
	}
	if created.Load() != 1 {
		t.Errorf("%d processes created it", created.Load())
	}
	d.read(t)
	l := d.level(t)
	if begun := d.number(t, `SELECT total FROM generations`); l.Total < 100 || l.Total != begun || l.Taken != 0 || l.NextUnit != 1 {
		t.Errorf("stock %+v, generation of %d", l, begun)
	}
	if told := d.posted(t, 0)[0]; told.Type != events.TypeGenerationBegun || told.Data["total"] != float64(l.Total) || told.Sale != d.Sale {
		t.Errorf("published %+v", told)
	}
	if v := d.one(t, d.claim(1, 1)); v.Outcome != events.Ordered {
		t.Errorf("the first claim: %+v", v)
	}
}

func TestALaterStartChangesNothing(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.one(t, d.claim(1, 1))
	rows, level := d.rowsOf(t), d.level(t)
	created, err := d.EnsureSale(saletest.Context(t), Defaults{Stock: 9000, StartsAt: time.Now().Add(time.Hour)})
	if err != nil || created {
		t.Errorf("created %v, %v", created, err)
	}
	if d.rowsOf(t) != rows || d.level(t) != level || d.state(t) != sale.Open {
		t.Errorf("rows %v, stock %+v, state %s", d.rowsOf(t), d.level(t), d.state(t))
	}
}

func TestTheFirstSaleFitsItsTimes(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	for name, c := range map[string]struct {
		start, end time.Duration // from now on; 0: not given
		state      sale.State
	}{
		"no times":       {0, 0, sale.Open},
		"in a while":     {hour, 2 * hour, sale.Scheduled},
		"under way":      {-hour, hour, sale.Open},
		"over":           {-2 * hour, -hour, sale.Closed},
		"only an end":    {0, hour, sale.Open},
		"only a start":   {hour, 0, sale.Scheduled},
		"long under way": {-24 * 300 * hour, 0, sale.Open},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := emptyDesk(t)
			now, given := time.Now(), Defaults{Stock: 5}
			if c.start != 0 {
				given.StartsAt = now.Add(c.start)
			}
			if c.end != 0 {
				given.EndsAt = now.Add(c.end)
			}
			if created, err := d.EnsureSale(saletest.Context(t), given); err != nil || !created {
				t.Fatal(created, err)
			}
			d.read(t)
			if got := d.state(t); got != c.state {
				t.Errorf("state %s, want %s", got, c.state)
			}
			var starts, ends time.Time
			if err := d.pool.QueryRow(saletest.Context(t), `SELECT starts_at, ends_at FROM sales`).Scan(&starts, &ends); err != nil {
				t.Fatal(err)
			}
			if off := starts.Sub(now.Add(c.start)).Abs(); off > saletest.Patience {
				t.Errorf("starts at %s, off by %s", starts, off)
			}
			wantEnd := starts.AddDate(1, 0, 0)
			if c.end != 0 {
				wantEnd = given.EndsAt
			}
			if off := ends.Sub(wantEnd).Abs(); off > time.Millisecond {
				t.Errorf("ends at %s, want %s", ends, wantEnd)
			}
		})
	}
}

func TestAFirstSaleThatCannotBeIsNotHalfMade(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, given := range map[string]Defaults{
		"ends before it starts": {Stock: 5, StartsAt: now.Add(time.Hour), EndsAt: now},
		"negative stock":        {Stock: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := emptyDesk(t)
			created, err := d.EnsureSale(saletest.Context(t), given)
			if err == nil || created || !strings.Contains(err.Error(), "create the first sale") {
				t.Errorf("created %v, %v", created, err)
			}
			if rows := d.rowsOf(t); rows != [5]int64{} {
				t.Errorf("left behind: %v", rows)
			}
			if created, err := d.EnsureSale(saletest.Context(t), Defaults{Stock: 5}); err != nil || !created {
				t.Errorf("then with sense: %v, %v", created, err)
			}
		})
	}
}

// The first sale is complete, and no two sales share their secret.
func TestTheFirstSaleHasAProductAndASecret(t *testing.T) {
	t.Parallel()
	d, other := openLedger(t, 5), openLedger(t, 5)
	n, err := d.ReadChanges(saletest.Context(t), nil, nil)
	if err != nil || len(n.Rows) != 1 || len(n.Levels) != 1 {
		t.Fatalf("%d rows, %d levels, %v", len(n.Rows), len(n.Levels), err)
	}
	s := n.Rows[0]
	if !reflect.DeepEqual(s.Product, firstProduct()) {
		t.Errorf("product %+v", s.Product)
	}
	if p := s.Product; p.CurrencyCode != "USD" || p.PriceAfterDiscountMinor() != 29_900 {
		t.Errorf("price %s %d", p.CurrencyCode, p.PriceAfterDiscountMinor())
	}
	if s.Slug != firstSlug || s.Partition != int(s.Sale%events.Partitions) || s.StartsAt.Location() != time.UTC || s.State != sale.Open || n.Levels[0].Total != 5 {
		t.Errorf("row %+v, level %+v", s, n.Levels[0])
	}
	if bytes.Equal(d.secret, other.secret) || len(d.secret) < 32 {
		t.Error("two sales have one secret")
	}
	if d.claim(1, 1).ID == other.claim(1, 1).ID || d.claim(1, 1).ID == uuid.Nil {
		t.Error("a shopper has the same claim in two sales")
	}
}
