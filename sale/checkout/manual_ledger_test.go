package checkout

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/ledger"
	"flashsale/sale/saletest"
)

var errLedgerAway = errors.New("the server is away")

// manualLedger is a catalog source that the test writes by hand: rows, and a clock that may show another time than ours.
type manualLedger struct {
	mu        sync.Mutex
	rows      map[int64]*sale.Row
	ahead     time.Duration
	away      error
	refuse    error         // of advance
	reads     int           // how often readChanges was called
	lost      int           // the number of the read whose answer never comes; 0: none
	questions []time.Time   // when advance was asked, by the ledger's clock
	undone    int           // digests to compute
	before    chan struct{} // a call that has read waits for it, when set
	read      chan struct{} // gets a token when a call has read, when set
	// hang says of a sale whether a move of it never ends by itself; nil: none does.
	hang func(slug string) bool
	// endless makes digests that never end by themselves; digesting is how many are under way.
	endless   bool
	digesting int
}

// newManualLedger makes a ledger with one sale of a hundred units, and a catalog that reads it.
func newManualLedger(states ...sale.State) (*manualLedger, *Catalog) {
	p := &manualLedger{rows: make(map[int64]*sale.Row)}
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
func (p *manualLedger) edit(change func(s *sale.Row)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p.rows[1])
}

// sell commits n units and tells what the stock is now.
func (p *manualLedger) sell(n int64) events.Stock {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.rows[1].Level
	l.Taken, l.Version = l.Taken+n, l.Version+1
	return events.Stock{SaleID: l.Sale, Generation: l.Generation, Total: l.Total, Taken: l.Taken, Version: l.Version}
}

func (p *manualLedger) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = err
}

// underWay is how many digests are being computed.
func (p *manualLedger) underWay() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.digesting
}

func (p *manualLedger) clock() time.Time { return time.Now().Add(p.ahead) }

func (p *manualLedger) ReadChanges(ctx context.Context, known map[int64]sale.Key, versions map[int64]int64) (sale.Changes, error) {
	n := sale.Changes{Asked: time.Now()}
	p.mu.Lock()
	p.reads++
	if p.reads == p.lost {
		p.mu.Unlock()
		<-ctx.Done()
		return n, ctx.Err()
	}
	err := p.away
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
	if p.read != nil {
		p.read <- struct{}{}
		<-p.before
	}
	n.AnsweredAt = time.Now()
	return n, err
}

func (p *manualLedger) Advance(ctx context.Context, slug string) (bool, error) {
	if p.hang != nil && p.hang(slug) {
		<-ctx.Done()
		return false, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.questions = append(p.questions, p.clock())
	if p.refuse != nil {
		return false, p.refuse
	}
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

func (p *manualLedger) DigestNext(ctx context.Context) (bool, error) {
	p.mu.Lock()
	p.digesting++
	p.mu.Unlock()
	if p.endless {
		<-ctx.Done()
	}
	p.mu.Lock()
	p.digesting--
	defer p.mu.Unlock()
	if p.away != nil {
		return false, p.away
	}
	if p.endless {
		return false, ctx.Err()
	}
	if p.undone == 0 {
		return true, nil
	}
	p.undone--
	return false, nil
}

// recordedLog is a log that keeps close records, and tells of each.
type recordedLog struct {
	mu      sync.Mutex
	away    error
	records []events.Claim
	at      []int
	onto    func(events.Claim)
	// stalls says of a record whether writing it never ends by itself; nil: none does.
	stalls  func(events.Claim) bool
	written chan events.Claim
}

// kept is what was written until now.
func (l *recordedLog) kept() (records []events.Claim, at []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records), slices.Clone(l.at)
}

func newRecordedLog() *recordedLog { return &recordedLog{written: make(chan events.Claim, 64)} }

func (l *recordedLog) Append(ctx context.Context, partition int, c events.Claim) (events.Position, error) {
	if l.stalls != nil && l.stalls(c) {
		<-ctx.Done()
		return events.Position{}, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records, l.at = append(l.records, c), append(l.at, partition)
	select {
	case l.written <- c:
	default:
	}
	if l.away == nil && l.onto != nil {
		l.onto(c)
	}
	return events.Position{Partition: partition, Offset: int64(len(l.records))}, l.away
}

// runCatalog keeps a catalog going until the test ends, or the function is called.
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
