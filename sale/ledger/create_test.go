package ledger

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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

func lamp(slug string) sale.Creation {
	return sale.Creation{
		Slug: slug, StartsAt: time.Now().Add(-time.Hour), EndsAt: time.Now().Add(time.Hour), Zone: "Europe/Berlin", Total: 7,
		Limit: sale.PressLimit{AccountRate: 3, AccountBurst: 4, NetworkRate: 5, NetworkBurst: 6},
		Product: sale.Product{Name: "Lamp", Details: []string{}, Specification: []sale.Fact{}, ImportantInfo: []string{},
			Images: sale.Images{Thumbnails: []sale.Image{}, Gallery: []sale.Image{}}, PriceMinor: 1990, DiscountMinor: 90, CurrencyCode: "EUR", CurrencySymbol: "€"},
	}
}

func (d *ledgerFixture) tryCreate(c sale.Creation) error {
	return d.tryAct(func(ctx context.Context, tx pgx.Tx, _ string) error { return d.CreateTx(ctx, tx, c) })
}

// A new sale is a draft that nobody is led to, until it is scheduled; it is put away only when it is over.
func TestASaleIsMadeAnnouncedAndPutAway(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	if err := d.tryCreate(lamp("lamp")); err != nil {
		t.Fatal(err)
	}
	made := d.locked("lamp")
	if made.State != sale.Draft || made.Total != 7 || made.Zone != "Europe/Berlin" || made.Limit.NetworkBurst != 6 || made.Archived {
		t.Errorf("made: %+v", made)
	}
	if current := d.locked(""); current.Slug == "lamp" {
		t.Error("a draft is the current sale")
	}
	if err := d.tryCreate(lamp("lamp")); !errors.Is(err, sale.ErrSlug) {
		t.Errorf("a slug that is taken: %v", err)
	}
	wrong := lamp("chair")
	wrong.EndsAt = wrong.StartsAt
	if err := d.tryCreate(wrong); !errors.Is(err, sale.ErrTimes) {
		t.Errorf("no time at all: %v", err)
	}
	wrong = lamp("chair")
	wrong.Product.DiscountMinor = 1991
	if err := d.tryCreate(wrong); !errors.Is(err, sale.ErrPrice) {
		t.Errorf("a price below nothing: %v", err)
	}
	on := func(do func(context.Context, pgx.Tx, string) error) error {
		return d.tryAct(func(ctx context.Context, tx pgx.Tx, _ string) error { return do(ctx, tx, "lamp") })
	}
	away := func(ctx context.Context, tx pgx.Tx, slug string) error { return d.ArchiveTx(ctx, tx, slug, true) }
	back := func(ctx context.Context, tx pgx.Tx, slug string) error { return d.ArchiveTx(ctx, tx, slug, false) }
	for _, step := range []struct {
		name     string
		do       func(context.Context, pgx.Tx, string) error
		err      error
		state    sale.State
		archived bool
	}{
		{"put a draft away", away, nil, sale.Draft, true},
		{"again", away, sale.ErrState, sale.Draft, true},
		{"schedule what is away", d.ScheduleTx, sale.ErrState, sale.Draft, true},
		{"bring it back", back, nil, sale.Draft, false},
		{"schedule it, with its start past", d.ScheduleTx, nil, sale.Open, false},
		{"schedule it again", d.ScheduleTx, sale.ErrState, sale.Open, false},
		{"put an open one away", away, sale.ErrState, sale.Open, false},
		{"pause it", d.PauseTx, nil, sale.Paused, false},
		{"close it", d.CloseTx, nil, sale.Closed, false},
		{"put it away", away, nil, sale.Closed, true},
	} {
		if err := on(step.do); !errors.Is(err, step.err) {
			t.Errorf("%s: %v", step.name, err)
		}
		if now := d.locked("lamp"); now.State != step.state || now.Archived != step.archived {
			t.Errorf("%s: it is %s, archived %v", step.name, now.State, now.Archived)
		}
	}
	if err := on(func(ctx context.Context, tx pgx.Tx, slug string) error {
		_, err := d.BeginGenerationTx(ctx, tx, slug, 3)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if now := d.locked("lamp"); now.Archived || now.State != sale.Open {
		t.Errorf("after a reset it is %s, archived %v", now.State, now.Archived)
	}
}

func TestWhatIsSoldCanBeChanged(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	name, price, code, zone, most := "Chair", int64(5000), "JPY", "Asia/Tokyo", int64(5001)
	if err := d.tryAmend(sale.Amendment{Name: &name, PriceMinor: &price, DiscountMinor: new(int64), CurrencyCode: &code, Zone: &zone}); err != nil {
		t.Fatal(err)
	}
	var p sale.Product
	d.act(func(ctx context.Context, tx pgx.Tx, slug string) (err error) {
		p, err = d.ProductTx(ctx, tx, slug)
		return err
	})
	if p.Name != name || p.PriceMinor != price || p.DiscountMinor != 0 || p.CurrencyCode != code || p.CurrencySymbol != "¥" || d.locked("").Zone != zone {
		t.Errorf("%+v", p)
	}
	if err := d.tryAmend(sale.Amendment{DiscountMinor: &most}); !errors.Is(err, sale.ErrPrice) {
		t.Errorf("a price below nothing: %v", err)
	}
}
