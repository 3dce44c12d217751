package checkout

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/ledger"
	"flashsale/sale/saletest"
)

// manualSource is a source of the catalog whose rows the test writes by hand, into states that no ledger comes to by itself:
// versions that fall, a level without an order. simulatedLedger has only what its decisions make.
type manualSource struct {
	reading   fault // acts once the rows are read
	digesting fault
	// moving acts before a move; nil: nothing does.
	moving func(ctx context.Context, slug string) error
	ahead  time.Duration // of the source's clock, before that of the process

	sellouts map[sale.Key]sale.Sellout

	mu      sync.Mutex
	rows    map[int64]*sale.Row
	reads   int
	asked   []time.Time // when a move was asked for, by the source's clock
	undone  int         // digests to compute
	started int         // digests that were begun
}

// newManualSource makes a source with sales of a hundred units in these states, and a catalog that reads it.
func newManualSource(states ...sale.State) (*manualSource, *Catalog) {
	p := &manualSource{rows: make(map[int64]*sale.Row)}
	for i, state := range states {
		id := int64(i + 1)
		k := sale.Key{Sale: id, Generation: 1}
		p.rows[id] = &sale.Row{
			Key: k, Slug: "sale-" + string(rune('a'+i)), State: state, StartsAt: saletest.Noon(), EndsAt: saletest.Noon().AddDate(100, 0, 0),
			Partition: i, Secret: saletest.Secret(), Version: 1, Level: sale.Level{Sale: id, Generation: 1, Total: 100, NextUnit: 1, Version: 1},
		}
	}
	return p, NewCatalog(CatalogConfig{Store: p, Logger: slog.New(slog.DiscardHandler)})
}

// edit changes the first sale's row and leaves its version to the test.
func (p *manualSource) edit(change func(s *sale.Row)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p.rows[1])
}

// sell commits n units of the first sale and says what the stock is now.
func (p *manualSource) sell(n int64) events.Stock {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.rows[1].Level
	l.Taken, l.Version = l.Taken+n, l.Version+1
	return events.Stock{SaleID: l.Sale, Generation: l.Generation, Total: l.Total, Taken: l.Taken, Version: l.Version}
}

func (p *manualSource) clock() time.Time { return time.Now().Add(p.ahead) }

// stopReads has each read from now on say that it has read the rows, and then wait for leave to answer.
func (p *manualSource) stopReads() (read <-chan struct{}, leave chan<- struct{}) {
	didRead, mayAnswer := make(chan struct{}), make(chan struct{})
	p.reading.acts(func(context.Context) error {
		didRead <- struct{}{}
		<-mayAnswer
		return nil
	})
	return didRead, mayAnswer
}

func (p *manualSource) ReadChanges(ctx context.Context, _ map[int64]sale.Key, versions map[int64]int64) (sale.Changes, error) {
	n := sale.Changes{Asked: time.Now(), Sellouts: p.sellouts}
	p.mu.Lock()
	p.reads++
	for id, s := range p.rows {
		if versions[id] != s.Version {
			row := *s
			row.Level = sale.Level{}
			n.Rows = append(n.Rows, row)
		}
		n.Levels = append(n.Levels, s.Level)
	}
	p.mu.Unlock()
	n.Now = p.clock()
	err := p.reading.ask(ctx)
	n.AnsweredAt = time.Now()
	return n, err
}

func (p *manualSource) Advance(ctx context.Context, slug string) (bool, error) {
	if p.moving != nil {
		if err := p.moving(ctx, slug); err != nil {
			return false, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, p.clock())
	for _, s := range p.rows {
		if s.Slug != slug {
			continue
		}
		state := ledger.Due(s.State, s.StartsAt, s.EndsAt, p.clock())
		if state == s.State {
			return false, nil
		}
		s.State, s.Version = state, s.Version+1
		if state == sale.Closing {
			s.ClosingVersion = s.Version
		}
		return true, nil
	}
	return false, sale.ErrNoSale
}

func (p *manualSource) DigestNext(ctx context.Context) (bool, error) {
	p.mu.Lock()
	p.started++
	p.mu.Unlock()
	if err := p.digesting.ask(ctx); err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.undone == 0 {
		return true, nil
	}
	p.undone--
	return false, nil
}

// refreshCatalog brings the catalog up to date, as an operator's act does.
func refreshCatalog(t *testing.T, c *Catalog) {
	t.Helper()
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// runCatalog runs a catalog until the test ends, or the function is called.
func runCatalog(t *testing.T, c *Catalog) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(saletest.Patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// awaitSnapshot waits for signals of the catalog until the current sale's snapshot is as wanted.
func awaitSnapshot(t *testing.T, c *Catalog, what string, wanted func(sale.Snapshot) bool) sale.Snapshot {
	t.Helper()
	changed, done := c.Changed()
	defer done()
	end := time.After(saletest.Patience)
	for {
		s, err := c.Snapshot("")
		if err == nil && wanted(s) {
			return s
		}
		select {
		case <-changed:
		case <-end:
			t.Fatalf("%s: the catalog still shows %+v, %v", what, s, err)
		}
	}
}
