package checkout

import (
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

func TestARunningCatalogFindsUnannouncedCommits(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	c.log = newCloseLog()
	refreshCatalog(t, c)
	runCatalog(t, c)
	p.sell(9)
	sold := int64(time.Since(c.origin))
	asked := c.renewed.Load()
	awaitSnapshot(t, c, "a commit of another process", func(s sale.Snapshot) bool {
		if asked > sold && s.Taken != 9 {
			t.Error("an answer to a later question does not show it")
		}
		asked = c.renewed.Load() // the next snapshot is not older
		return s.Taken == 9 && !s.Stale
	})
}

func TestACatalogWhoseLedgerIsAwayIsStale(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	c.log = newCloseLog()
	refreshCatalog(t, c)
	runCatalog(t, c)
	awaitSnapshot(t, c, "the first read", func(s sale.Snapshot) bool { return !s.Stale })
	p.reading.fails(errAway)
	if s := awaitSnapshot(t, c, "the ledger went away", func(s sale.Snapshot) bool { return s.Stale }); s.Total != 100 || s.Age <= sale.Lease {
		t.Errorf("the last figures, marked stale: %+v", s)
	}
	p.reading.fails(nil)
	p.sell(1)
	awaitSnapshot(t, c, "the ledger came back", func(s sale.Snapshot) bool { return !s.Stale && s.Taken == 1 })
}

func TestACatalogRefreshesAtOnceWhenAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := newManualSource(sale.Open)
		c.log = newCloseLog()
		read, leave := p.stopReads()
		runCatalog(t, c)
		<-read // the first read
		p.sell(3)
		c.refreshSoon()
		c.refreshSoon() // a second one has no effect and does not block
		p.reading.fails(nil)
		began := time.Now()
		leave <- struct{}{}
		awaitSnapshot(t, c, "after it was asked for", func(s sale.Snapshot) bool { return s.Taken == 3 })
		if took := time.Since(began); took != 0 {
			t.Errorf("after %s", took)
		}
	})
}
