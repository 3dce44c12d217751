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

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// rowsOf counts the rows of the tables that a new sale is in.
func (d *ledgerFixture) rowsOf() [5]int64 {
	d.t.Helper()
	var n [5]int64
	for i, table := range []string{"sales", "products", "generations", "stock", "outbox"} {
		n[i] = d.Number(`SELECT count(*) FROM ` + table)
	}
	return n
}

// Every process calls EnsureSale when it starts.
func TestProcessesThatStartAtTheSameTimeCreateOneSale(t *testing.T) {
	t.Parallel()
	d := openEmptyLedger(t)
	var all sync.WaitGroup
	var created atomic.Int64
	if exists, err := d.Any(saletest.Context(t)); err != nil || exists {
		t.Errorf("without a sale: %v, %v", exists, err)
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
			// The others return after the commit, so they see all rows.
			if got := d.rowsOf(); got != [5]int64{1, 1, 1, 1, 1} {
				t.Errorf("sales, products, generations, stock, outbox: %v", got)
			}
		})
	}
	close(start)
	all.Wait()
	if exists, err := d.Any(saletest.Context(t)); err != nil || !exists {
		t.Errorf("with a sale: %v, %v", exists, err)
	}
	if created.Load() != 1 {
		t.Errorf("%d processes created it", created.Load())
	}
	d.read()
	l := d.level()
	if begun := d.Number(`SELECT total FROM generations`); l.Total < 100 || l.Total != begun || l.Taken != 0 || l.NextUnit != 1 {
		t.Errorf("stock %+v, generation of %d", l, begun)
	}
	if m := d.Posted(0)[0]; m.Type != events.TypeGenerationBegun || m.Data["total"] != float64(l.Total) || m.Sale != d.key.Sale {
		t.Errorf("message %+v", m)
	}
	if v := d.decideOne(d.claim(1, 1)); v.Outcome != events.Ordered {
		t.Errorf("the first claim: %+v", v)
	}
}

func TestEnsureSaleChangesNothingWhenThereIsASale(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.decideOne(d.claim(1, 1))
	rows, level := d.rowsOf(), d.level()
	created, err := d.EnsureSale(saletest.Context(t), Defaults{Stock: 9000, StartsAt: time.Now().Add(time.Hour)})
	if err != nil || created {
		t.Errorf("created %v, %v", created, err)
	}
	if d.rowsOf() != rows || d.level() != level || d.state() != sale.Open {
		t.Errorf("rows %v, stock %+v, state %s", d.rowsOf(), d.level(), d.state())
	}
}

func TestTheTimesGiveTheFirstSaleItsState(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	for name, c := range map[string]struct {
		start, end time.Duration // from now on; 0: not given
		state      sale.State
	}{
		"no times":                 {0, 0, sale.Open},
		"before the start":         {hour, 2 * hour, sale.Scheduled},
		"between start and end":    {-hour, hour, sale.Open},
		"after the end":            {-2 * hour, -hour, sale.Closed},
		"only an end":              {0, hour, sale.Open},
		"only a start":             {hour, 0, sale.Scheduled},
		"started long ago, no end": {-24 * 300 * hour, 0, sale.Open},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openEmptyLedger(t)
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
			d.read()
			if got := d.state(); got != c.state {
				t.Errorf("state %s, want %s", got, c.state)
			}
			var starts, ends time.Time
			d.Scan([]any{&starts, &ends}, `SELECT starts_at, ends_at FROM sales`)
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

func TestAFirstSaleThatIsRefusedLeavesNoRows(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, given := range map[string]Defaults{
		"ends before it starts": {Stock: 5, StartsAt: now.Add(time.Hour), EndsAt: now},
		"negative stock":        {Stock: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openEmptyLedger(t)
			created, err := d.EnsureSale(saletest.Context(t), given)
			if err == nil || created || !strings.Contains(err.Error(), "create the first sale") {
				t.Errorf("created %v, %v", created, err)
			}
			if rows := d.rowsOf(); rows != [5]int64{} {
				t.Errorf("rows %v", rows)
			}
			if created, err := d.EnsureSale(saletest.Context(t), Defaults{Stock: 5}); err != nil || !created {
				t.Errorf("then a correct one: %v, %v", created, err)
			}
		})
	}
}

func TestTheFirstSaleHasItsProductAndASecretOfItsOwn(t *testing.T) {
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

func TestTheFirstProductIsComplete(t *testing.T) {
	t.Parallel()
	p := firstProduct()
	if p.Name == "" || p.Description == "" || len(p.Details) == 0 || len(p.Specification) == 0 || len(p.ImportantInfo) == 0 ||
		p.Images.Main.URL == "" || p.Images.Main.Alt == "" || len(p.Images.Gallery) == 0 || len(p.Images.Thumbnails) == 0 {
		t.Errorf("product %+v", p)
	}
	if p.PriceMinor != 49_900 || p.PriceAfterDiscountMinor() != 29_900 || p.CurrencyCode != "USD" {
		t.Errorf("price %d, after discount %d %s", p.PriceMinor, p.PriceAfterDiscountMinor(), p.CurrencyCode)
	}
}
