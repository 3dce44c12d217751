package checkout

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

// errAway is the error of a server that does not answer.
var errAway = errors.New("server is away")

const flashSale = 1

var saleKey = sale.Key{Sale: flashSale, Generation: 1}

// simulatedServers are all that a process talks to, in memory: the ledger in Postgres, the places in Redis, the log in Kafka
// with its consumer, and the accounts. Each fails on command, and each question is counted.
type simulatedServers struct {
	calls    *callCounts
	ledger   *simulatedLedger
	places   *simulatedPlaces
	log      *simulatedLog
	accounts *simulatedAccounts
}

// newSimulatedServers makes servers with one open sale of so many units, and a consumer that reads the log. anna, ben and cleo
// are known in memory, dora only to Postgres; barred may not purchase.
func newSimulatedServers(t testing.TB, total int64) *simulatedServers {
	t.Helper()
	calls := &callCounts{n: make(map[string]int)}
	s := &simulatedServers{
		calls: calls, ledger: newSimulatedLedger(calls, total), places: newSimulatedPlaces(calls, int(total)),
		log: newSimulatedLog(calls), accounts: newSimulatedAccounts(calls),
	}
	for i, name := range []string{"anna", "ben", "cleo", "dora", "barred"} {
		s.accounts.add(sale.Shopper{ID: int64(i + 1), Username: name, MayPurchase: name != "barred"}, name != "dora")
	}
	s.ledger.cursor = s.log.position
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.consume(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return s
}

// consume reads the log as the ledger's consumer does: in order, a batch in one decision, and again when that fails.
func (s *simulatedServers) consume(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.log.wake:
		}
		batch := s.log.unread()
		if len(batch) == 0 {
			continue
		}
		if s.ledger.ask(ctx) != nil {
			if wait(ctx, 20*time.Millisecond) == nil {
				s.log.wakeConsumer()
			}
			continue
		}
		d := s.ledger.decide(events.FromLog, batch...)
		s.log.advance(len(batch))
		s.ledger.announce(d)
	}
}

// addShoppers adds so many accounts that are known in memory: s0, s1 and so on.
func (s *simulatedServers) addShoppers(n int) {
	for i := range n {
		s.accounts.add(sale.Shopper{ID: int64(100 + i), Username: shopperName(i), MayPurchase: true}, true)
	}
}

// postgresFaults are those of all that is in Postgres.
func (s *simulatedServers) postgresFaults() []*fault {
	return []*fault{&s.ledger.fault, &s.ledger.cursorFault, &s.accounts.fault, &s.places.loadFault}
}

// faults are those of all servers.
func (s *simulatedServers) faults() []*fault {
	return append(s.postgresFaults(), &s.log.fault, &s.places.fault, &s.places.releaseFault)
}

// takes has each server answer after that time, and ends every other fault.
func (s *simulatedServers) takes(d time.Duration) {
	for _, f := range s.faults() {
		f.acts(takes(d))
	}
}

// process is one process with its checkout.
type process struct{ *Checkout }

// process makes a process that has read the sale. The ledger's decisions reach the first one.
func (s *simulatedServers) process(t testing.TB, change ...func(*Deps)) *process {
	t.Helper()
	d := Deps{
		Store: s.ledger, Places: s.places, Releaser: s.places, Rebuild: s.places, Log: s.log, Direct: s.ledger, Cursors: s.ledger, Settled: s.log.settled,
		Shoppers: s.accounts, Live: func() int { return 1 }, Lookup: s.ledger.lookup, Logger: slog.New(slog.DiscardHandler),
	}
	for _, do := range change {
		do(&d)
	}
	d.Catalog = NewCatalog(CatalogConfig{Store: s.ledger, Bus: d.Bus, Log: s.log, Logger: d.Logger})
	p := &process{New(d)}
	p.readChanges(t)
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	if s.ledger.decided == nil {
		s.ledger.decided = p.Decided
	}
	return p
}

// run runs the checkout until the test ends. The catalog reads only when the test has it read.
func (p *process) run(t testing.TB) {
	t.Helper()
	runUntilEnd(t, p.Run)
}

// runAll runs the checkout and the catalog until the test ends.
func (p *process) runAll(t testing.TB) {
	t.Helper()
	runUntilEnd(t, p.Run)
	runUntilEnd(t, p.catalog.Run)
}

func runUntilEnd(t testing.TB, run func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
}

// readChanges brings the catalog up to date with the ledger.
func (p *process) readChanges(t testing.TB) {
	t.Helper()
	if err := p.catalog.refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// loadReceiptCache loads the receipts of the sale.
func (p *process) loadReceiptCache(t testing.TB) {
	t.Helper()
	if err := p.loadReceipts(context.Background(), p.catalog.find("flash")); err != nil {
		t.Fatal(err)
	}
}

func (p *process) press(name string) sale.Answer {
	return p.Buy(context.Background(), sale.PurchaseRequest{Slug: "flash", Name: name})
}

// buyInBackground makes the request and gives the answer when it is there.
func (p *process) buyInBackground(request sale.PurchaseRequest) <-chan sale.Answer {
	answer := make(chan sale.Answer, 1)
	go func() { answer <- p.Buy(context.Background(), request) }()
	return answer
}

// buyAll makes so many requests at the same time, and counts the answers by kind.
func (p *process) buyAll(n int, request func(i int) sale.PurchaseRequest) (map[sale.Kind]int, []sale.Answer) {
	answers := make([]sale.Answer, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { answers[i] = p.Buy(context.Background(), request(i)) })
	}
	all.Wait()
	kinds := make(map[sale.Kind]int)
	for i := range answers {
		kinds[answers[i].Kind]++
	}
	return kinds, answers
}

// claimOf is the claim that the shopper's request makes.
func (p *process) claimOf(s *simulatedServers, name string, attempt int) events.Claim {
	b := purchase{Checkout: p.Checkout, entry: p.catalog.find("flash"), shopper: s.accounts.shopper(name)}
	return b.newClaim(attempt)
}

// inFakeTime runs a test on a clock that only moves while everybody waits, with one process and a sale of so many units.
func inFakeTime(t *testing.T, total int64, test func(t *testing.T, s *simulatedServers, p *process)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulatedServers(t, total)
		test(t, s, s.process(t))
	})
}

// expect checks an answer's kind and reason.
func expect(t *testing.T, a sale.Answer, k sale.Kind, reason sale.Reason) {
	t.Helper()
	if a.Kind != k || a.Reason != reason {
		t.Errorf("%s got %s %q, want %s %q", a.Username, a.Kind, a.Reason, k, reason)
	}
}

// expectRetry checks that the shopper is told when to press again.
func expectRetry(t *testing.T, a sale.Answer, from, to time.Duration) {
	t.Helper()
	if a.RetryAfter < from || a.RetryAfter >= to {
		t.Errorf("%s: press again after %v, want from %v to %v", a.Kind, a.RetryAfter, from, to)
	}
}

// callCounts counts questions by what they ask.
type callCounts struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *callCounts) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[what]++
}

func (c *callCounts) of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[what]
}

func (c *callCounts) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// fault is what a server does before it answers. The zero value answers at once.
type fault struct {
	mu  sync.Mutex
	act func(ctx context.Context) error
}

// fails has every question from now on fail; nil ends the fault.
func (f *fault) fails(err error) { f.acts(func(context.Context) error { return err }) }

// acts has that run before every answer.
func (f *fault) acts(do func(ctx context.Context) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.act = do
}

func (f *fault) ask(ctx context.Context) error {
	f.mu.Lock()
	do := f.act
	f.mu.Unlock()
	if do == nil {
		return nil
	}
	return do(ctx)
}

// hangs never answers.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// onlyOnce acts so at the first question, and not at later ones.
func onlyOnce(do func(context.Context) error) func(context.Context) error {
	var asked atomic.Bool
	return func(ctx context.Context) error {
		if asked.Swap(true) {
			return nil
		}
		return do(ctx)
	}
}

// until answers once the channel is closed.
func until(open <-chan struct{}) func(context.Context) error {
	return func(context.Context) error { <-open; return nil }
}

// takes answers after that time.
func takes(d time.Duration) func(context.Context) error { return takesAndFails(d, nil) }

// takesAndFails fails after that time.
func takesAndFails(d time.Duration, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		if ended := wait(ctx, d); ended != nil {
			return ended
		}
		return err
	}
}

// wait waits for that time. It fails when ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
