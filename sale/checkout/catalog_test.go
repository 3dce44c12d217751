package checkout

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestACatalogThatNeverReadTheLedgerKnowsNoSale(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	if _, err := c.Snapshot(""); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("the current sale: %v", err)
	}
	if !c.stale(time.Now()) || len(c.All()) != 0 || c.Ready() {
		t.Error("a catalog that never read is not stale, or ready")
	}
	p.reading.fails(errAway)
	if err := c.Refresh(t.Context()); err == nil || c.Ready() {
		t.Errorf("ready after a read that failed: %v", err)
	}
	p.reading.fails(nil)
	refreshCatalog(t, c)
	if !c.Ready() {
		t.Error("not ready after a read")
	}
	if s, err := c.Snapshot(""); err != nil || s.Slug != "sale-a" {
		t.Errorf("after a read: %+v, %v", s, err)
	}
	if _, err := c.Snapshot("nowhere"); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("an unknown slug: %v", err)
	}
}

func TestTheLeaseOfASnapshotBeginsWithTheQuestion(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	read, leave := p.stopReads()
	asked := time.Now()
	refreshed := make(chan error, 1)
	go func() { refreshed <- c.Refresh(t.Context()) }()
	<-read
	answered := time.Now()
	leave <- struct{}{}
	if err := <-refreshed; err != nil {
		t.Fatal(err)
	}
	e := c.find("")
	if s := c.snapshot(e, asked.Add(sale.Lease)); s.Stale || c.stale(asked.Add(sale.Lease)) {
		t.Errorf("stale after %s", s.Age)
	}
	over := answered.Add(sale.Lease + time.Nanosecond)
	if s := c.snapshot(e, over); !s.Stale || !c.stale(over) || s.Age <= sale.Lease || s.Total != 100 {
		t.Errorf("a second after the question: %+v", s)
	}
	if s := c.snapshot(e, answered.Add(time.Minute)); !s.Stale || s.Age < time.Minute {
		t.Errorf("age %s after a minute", s.Age)
	}
}

func TestAReadThatFailsLeavesTheLastFigures(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	refreshCatalog(t, c)
	renewed := c.renewed.Load()
	p.sell(5)
	p.reading.fails(errAway)
	if err := c.Refresh(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("Refresh: %v", err)
	}
	if s, err := c.Snapshot(""); err != nil || s.Taken != 0 || c.renewed.Load() != renewed {
		t.Errorf("after a read that failed: %+v, %v", s, err)
	}
	if !c.Ready() {
		t.Error("not ready any more because the ledger is away")
	}
}

func TestACommitIsInTheCatalogAtOnce(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	refreshCatalog(t, c)
	before, _ := c.Snapshot("")
	c.applyStocks([]events.Stock{p.sell(7)})
	if s, _ := c.Snapshot(""); s.Taken != 7 || s.Left() != 93 || s.Version != before.Version+1 {
		t.Errorf("%+v", s)
	}
}

func TestCommitsOnlyMoveTheCatalogForward(t *testing.T) {
	t.Parallel()
	now := sale.Level{Sale: 1, Generation: 2, Total: 100, Taken: 50, NextUnit: 51, Version: 60}
	for name, c := range map[string]struct {
		stock   events.Stock
		moved   bool
		unknown bool
	}{
		"newer":                  {events.Stock{SaleID: 1, Generation: 2, Total: 100, Taken: 51, Version: 61}, true, false},
		"a unit that came back":  {events.Stock{SaleID: 1, Generation: 2, Total: 100, Taken: 49, Version: 62}, true, false},
		"a larger stock":         {events.Stock{SaleID: 1, Generation: 2, Total: 200, Taken: 50, Version: 61}, true, false},
		"the same":               {events.Stock{SaleID: 1, Generation: 2, Total: 100, Taken: 99, Version: 60}, false, false},
		"older":                  {events.Stock{SaleID: 1, Generation: 2, Total: 100, Taken: 99, Version: 59}, false, false},
		"an older generation":    {events.Stock{SaleID: 1, Generation: 1, Total: 100, Taken: 99, Version: 99}, false, false},
		"a generation not known": {events.Stock{SaleID: 1, Generation: 3, Total: 9, Taken: 1, Version: 99}, false, true},
		"a sale not known":       {events.Stock{SaleID: 9, Generation: 1, Total: 9, Taken: 1, Version: 99}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, catalog := newManualSource(sale.Open)
			p.edit(func(s *sale.Row) { s.Generation, s.Level = 2, now })
			refreshCatalog(t, catalog)
			catalog.applyStocks([]events.Stock{c.stock})
			want := now
			if c.moved {
				want.Total, want.Taken, want.Version = c.stock.Total, c.stock.Taken, c.stock.Version
			}
			if got := catalog.find("").Level; got != want {
				t.Errorf("level %+v, want %+v", got, want)
			}
			if asked := len(catalog.refreshDue) == 1; asked != c.unknown {
				t.Errorf("asked for a refresh: %v, want %v", asked, c.unknown)
			}
		})
	}
}

// A commit that was announced while a read was under way is newer than the answer.
func TestAnAnswerOlderThanACommitDoesNotUndoIt(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	refreshCatalog(t, c)
	p.sell(1) // in another process: the answer differs from what is shown
	read, leave := p.stopReads()
	refreshed := make(chan error, 1)
	go func() { refreshed <- c.Refresh(t.Context()) }()
	<-read
	c.applyStocks([]events.Stock{p.sell(1)})
	leave <- struct{}{}
	if err := <-refreshed; err != nil {
		t.Fatal(err)
	}
	if s, _ := c.Snapshot(""); s.Taken != 2 {
		t.Errorf("taken %d after a commit that made it 2", s.Taken)
	}
}

func TestALedgerRestoredFromABackupIsBelieved(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	refreshCatalog(t, c)
	c.applyStocks([]events.Stock{p.sell(50)})
	p.edit(func(s *sale.Row) { s.Level.Taken, s.Level.Version = 3, 1 })
	refreshCatalog(t, c)
	if s, _ := c.Snapshot(""); s.Taken != 3 {
		t.Errorf("taken %d, the ledger says 3", s.Taken)
	}
}

func TestAChangedSaleKeepsWhatIsKnownOfItsGeneration(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	refreshCatalog(t, c)
	c.applyStocks([]events.Stock{p.sell(2)})
	first := c.find("")
	first.receipts.add([]sale.OrderRow{{Receipt: sale.Receipt{OrderID: sale.ClaimID(saletest.Secret(), 1, 1, 1), UserID: 1}, Revision: 99}})
	p.edit(func(s *sale.Row) { s.State, s.Version = sale.Paused, 2 })
	refreshCatalog(t, c)
	paused := c.find("")
	if paused.State != sale.Paused || paused.Level.Taken != 2 || paused.receipts != first.receipts || !paused.receipts.suspect.Load() {
		t.Errorf("after a pause: %+v, receipts suspect %v", paused.Row, paused.receipts.suspect.Load())
	}
	shown := paused.ClientVersion()

	p.edit(func(s *sale.Row) {
		s.Generation, s.State, s.Version = 2, sale.Open, 3
		s.Level = sale.Level{Sale: 1, Generation: 2, Total: 5, NextUnit: 1, Version: s.Level.Version + 1}
	})
	refreshCatalog(t, c)
	fresh := c.find("")
	if fresh.Generation != 2 || fresh.Level.Taken != 0 || fresh.Level.Total != 5 || fresh.receipts == first.receipts {
		t.Errorf("a new generation: %+v", fresh.Row)
	}
	if fresh.ClientVersion() <= shown {
		t.Errorf("the version fell from %d to %d", shown, fresh.ClientVersion())
	}
}

// The commits of one writer are announced, those of another are only read. Every reader sees figures that only grow.
func TestReadersSeeVersionsThatOnlyGrow(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	refreshCatalog(t, c)
	const commits = 300
	var writers, watchers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		watchers.Go(func() {
			var last sale.Snapshot
			for {
				s, err := c.Snapshot("")
				if err != nil || s.Version < last.Version || s.Taken < last.Taken || s.Epoch != 0 {
					t.Errorf("%+v after %+v, %v", s, last, err)
					return
				}
				last = s
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	p.edit(func(s *sale.Row) { s.Level.Total = 10 * commits })
	writers.Go(func() {
		for range commits {
			c.applyStocks([]events.Stock{p.sell(1)})
		}
	})
	writers.Go(func() {
		for range commits / 3 {
			p.sell(1)
			if err := c.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Wait()
	close(stop)
	watchers.Wait()
	if s, _ := c.Snapshot(""); s.Taken != commits+commits/3 {
		t.Errorf("taken %d in the end", s.Taken)
	}
}

func TestWhichSaleIsTheCurrentOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		states []sale.State
		shift  time.Duration // of each sale's times against the one before
		want   string
	}{
		"the open one":               {[]sale.State{sale.Closed, sale.Scheduled, sale.Open, sale.Draft}, time.Hour, "sale-c"},
		"the paused one":             {[]sale.State{sale.Closed, sale.Paused, sale.Scheduled}, time.Hour, "sale-b"},
		"the first of two open ones": {[]sale.State{sale.Open, sale.Open}, time.Hour, "sale-a"},
		"the next to open":           {[]sale.State{sale.Closed, sale.Scheduled, sale.Scheduled}, -time.Hour, "sale-c"},
		"the next, in order":         {[]sale.State{sale.Closed, sale.Scheduled, sale.Scheduled}, time.Hour, "sale-b"},
		"the last that ended":        {[]sale.State{sale.Closed, sale.Closed, sale.Draft}, time.Hour, "sale-b"},
		"the last, ending first":     {[]sale.State{sale.Closed, sale.Closing}, -time.Hour, "sale-a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, catalog := newManualSource(c.states...)
			for id, s := range p.rows {
				s.StartsAt, s.EndsAt = s.StartsAt.Add(time.Duration(id)*c.shift), s.EndsAt.Add(time.Duration(id)*c.shift)
			}
			refreshCatalog(t, catalog)
			if s, err := catalog.Snapshot(""); err != nil || s.Slug != c.want {
				t.Errorf("current: %s, %v; want %s", s.Slug, err, c.want)
			}
			for i, s := range catalog.All() {
				if s.ID != int64(i+1) || s.State != c.states[i] {
					t.Errorf("sale %d in the list: %+v", i+1, s)
				}
			}
		})
	}
	p, c := newManualSource(sale.Draft)
	refreshCatalog(t, c)
	if _, err := c.Snapshot(""); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("a draft is the current sale: %v", err)
	}
	if s, err := c.Snapshot("sale-a"); err != nil || s.Status() != sale.Upcoming || p.reads != 1 {
		t.Errorf("a draft by its slug: %+v, %v", s, err)
	}
}

func TestAChangeIsSignalledOnce(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	changed, done := c.Changed()
	other, otherDone := c.Changed()
	defer otherDone()
	refreshCatalog(t, c)
	for range 3 {
		c.applyStocks([]events.Stock{p.sell(1)}) // nobody reads; this must not block
	}
	if len(changed) != 1 || len(other) != 1 {
		t.Errorf("%d and %d signals wait, want one each", len(changed), len(other))
	}
	<-changed
	refreshCatalog(t, c) // nothing new
	if len(changed) != 0 {
		t.Error("a signal although nothing changed")
	}
	done()
	c.applyStocks([]events.Stock{p.sell(1)})
	if len(changed) != 0 {
		t.Error("a signal to a reader who has gone")
	}
}

func TestAllClaimedIsShownForASecond(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	refreshCatalog(t, c)
	claimed := func(at time.Time) bool { return c.snapshot(c.find(""), at).AllClaimed }
	changed, done := c.Changed()
	defer done()

	c.markClaimed(c.find(""), true)
	if marked := time.Now(); !claimed(marked) || claimed(marked.Add(allClaimedFor)) {
		t.Error("the answer of Redis is not shown, or for more than a second")
	}
	if len(changed) != 1 {
		t.Error("no signal")
	}
	c.markClaimed(c.find(""), false)
	if claimed(time.Now()) {
		t.Error("shown although a place was given since")
	}
	c.markClaimed(c.find(""), true)
	c.applyStocks([]events.Stock{p.sell(1)})
	if claimed(time.Now()) {
		t.Error("shown of another version")
	}
	c.applyStocks([]events.Stock{p.sell(99)})
	c.markClaimed(c.find(""), true)
	if claimed(time.Now()) {
		t.Error("a sale that is sold out is only said to be claimed")
	}
}

func TestTheCatalogMakesAndProvesTheSecretsOfReceipts(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Closed, sale.Open)
	p.rows[2].Secret = []byte("the key of the second sale")
	order := uuid.UUID{1, 2, 3}
	if c.ReceiptSecret(sale.Receipt{SaleID: 1, OrderID: order}) != "" {
		t.Error("a secret of a sale that is not known")
	}
	refreshCatalog(t, c)
	made := map[string]bool{}
	for _, id := range []int64{1, 2} {
		secret := c.ReceiptSecret(sale.Receipt{SaleID: id, OrderID: order})
		if got, ok := c.ReceiptOrder(secret); !ok || got != order {
			t.Errorf("%q of sale %d is of %s, %v", secret, id, got, ok)
		}
		made[secret] = true
	}
	if len(made) != 2 {
		t.Error("two sales have the same secret")
	}
	for _, forged := range []string{"", "x", sale.ReceiptSecret([]byte("the key of no sale"), order)} {
		if _, ok := c.ReceiptOrder(forged); ok {
			t.Errorf("%q is somebody's", forged)
		}
	}
	if c.ReceiptSecret(sale.Receipt{SaleID: 1}) != "" || c.ReceiptSecret(sale.Receipt{SaleID: 9, OrderID: order}) != "" {
		t.Error("a secret without an order, or of no sale")
	}
}
