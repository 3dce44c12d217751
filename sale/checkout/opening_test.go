package checkout

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// atOnce is how late an opening may be: a millisecond on purpose, and what a read takes.
const atOnce = 10 * time.Millisecond

// opensOnTime runs a catalog whose last sale starts in two and a half seconds, so that nothing which happens once a second
// happens at that time, and fails the test if that sale is not open then.
func opensOnTime(t *testing.T, p *manualSource, c *Catalog, log *closeLog) {
	t.Helper()
	c.log = log
	p.mu.Lock()
	last := p.rows[int64(len(p.rows))]
	starts := time.Now().Add(2500 * time.Millisecond)
	last.State, last.StartsAt = sale.Scheduled, starts
	p.mu.Unlock()
	refreshCatalog(t, c)
	runCatalog(t, c)
	time.Sleep(time.Until(starts) + atOnce)
	synctest.Wait()
	if s, err := c.Snapshot(last.Slug); err != nil || s.State != sale.Open {
		t.Errorf("%s after its start the sale is %s, %v", time.Since(starts), s.State, err)
	}
}

func TestADigestDoesNotDelayAnOpening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := newManualSource(sale.Open, sale.Scheduled)
		p.digesting.acts(hangs)
		opensOnTime(t, p, c, newCloseLog())
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.started != 1 {
			t.Errorf("%d digests were begun", p.started)
		}
	})
}

func TestACloseRecordDoesNotDelayAnOpening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := newManualSource(sale.Closing, sale.Scheduled)
		log := newCloseLog()
		log.hangs = func(events.Claim) bool { return true }
		opensOnTime(t, p, c, log)
	})
}

// Other sales whose time has come are locked.
func TestMovesOfOtherSalesDoNotDelayAnOpening(t *testing.T) {
	t.Parallel()
	for _, others := range []int{1, 7} {
		synctest.Test(t, func(t *testing.T) {
			states := make([]sale.State, others+1)
			for i := range states {
				states[i] = sale.Scheduled
			}
			p, c := newManualSource(states...)
			for _, s := range p.rows {
				s.StartsAt = time.Now().Add(-time.Second)
			}
			last := p.rows[int64(len(states))].Slug
			var hanging atomic.Int64
			p.moving = func(ctx context.Context, slug string) error {
				if slug == last {
					return nil
				}
				hanging.Add(1)
				return hangs(ctx)
			}
			opensOnTime(t, p, c, newCloseLog())
			if n := int(hanging.Load()); n != others {
				t.Errorf("%d moves hang, want one for each of %d sales", n, others)
			}
		})
	}
}

// On a real ledger: the first sale, whose start has come, is locked. The second one starts meanwhile.
func TestALockedSaleDoesNotDelayTheOpeningOfAnother(t *testing.T) {
	t.Parallel()
	d := openRealLedger(t, 5)
	d.CopySale("second", saletest.Slug)
	lock, err := d.Pool.Begin(saletest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := lock.Exec(saletest.Context(t), `SELECT FROM products WHERE sale_id = (SELECT id FROM sales WHERE slug = $1) FOR UPDATE`, saletest.Slug); err != nil {
		t.Fatal(err)
	}
	d.Exec(`UPDATE sales SET state = 'scheduled', starts_at = CASE slug WHEN $1 THEN clock_timestamp() - interval '1 second'
	ELSE clock_timestamp() + interval '300 milliseconds' END`, saletest.Slug)
	c := NewCatalog(CatalogConfig{Store: d.Store, Log: newCloseLog(), Logger: slog.New(slog.DiscardHandler)})
	refreshCatalog(t, c)
	runCatalog(t, c)
	awaitSnapshot(t, c, "the start of the second sale", func(sale.Snapshot) bool {
		s, err := c.Snapshot("second")
		return err == nil && s.State == sale.Open
	})
	if s, err := c.Snapshot(saletest.Slug); err != nil || s.State != sale.Scheduled {
		t.Errorf("the first sale was not locked: %s, %v", s.State, err)
	}
	late := d.Number(`SELECT (extract(epoch FROM updated_at - starts_at) * 1000)::bigint FROM sales WHERE slug = 'second'`)
	t.Logf("late by %d ms", late)
	if late > 1000 {
		t.Errorf("the second sale opened %d ms late", late)
	}
}

func TestACloseRecordThatHangsDoesNotDelayAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := newManualSource(sale.Closing, sale.Closing)
		log := newCloseLog()
		log.hangs = func(c events.Claim) bool { return c.SaleID == 1 }
		c.log = log
		refreshCatalog(t, c)
		runCatalog(t, c)
		synctest.Wait()
		select {
		case c := <-log.written:
			if c.SaleID != 2 {
				t.Errorf("the record of sale %d was written", c.SaleID)
			}
		default:
			t.Error("the record of the second sale waits for that of the first")
		}
	})
}
