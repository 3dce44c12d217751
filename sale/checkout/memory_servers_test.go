package checkout

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/ledger"
)

// errAway is what a server says that is not there.
var errAway = errors.New("server is away")

const flashSale = 1

// memoryServers are everything that a process talks to, in memory. Every question is counted.
type memoryServers struct {
	calls  *tally
	ledger *memoryLedger
	places *memoryPlaces
	log    *memoryLog
	names  *memoryNames
}

// process is one process with its checkout.
type process struct{ *Checkout }

// tally counts questions by what they ask.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[what]++
}

func (c *tally) of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[what]
}

func (c *tally) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// mood is how a server feels. The zero value answers at once.
type mood struct {
	feeling sync.Mutex
	does    func(ctx context.Context) error
}

// fails makes every question fail from now on; nil heals.
func (m *mood) fails(err error) { m.acts(func(context.Context) error { return err }) }

// acts runs that before every answer.
func (m *mood) acts(do func(ctx context.Context) error) {
	m.feeling.Lock()
	defer m.feeling.Unlock()
	m.does = do
}

func (m *mood) ask(ctx context.Context) error {
	m.feeling.Lock()
	do := m.does
	m.feeling.Unlock()
	if do == nil {
		return nil
	}
	return do(ctx)
}

// hangs is a server that takes the question and never answers.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// until is a server that answers once the channel is closed.
func until(open <-chan struct{}) func(context.Context) error {
	return func(context.Context) error { <-open; return nil }
}

// newMemoryServers has one open sale with so many units, and a consumer that reads the log. anna, ben and cleo are
// known in memory, dora only to the ledger, barred may not purchase.
func newMemoryServers(t testing.TB, total int64) *memoryServers {
	t.Helper()
	calls := &tally{n: make(map[string]int)}
	s := &memoryServers{
		calls:  calls,
		ledger: newMemoryLedger(calls, total),
		places: &memoryPlaces{calls: calls, holders: make(map[sale.Key]map[int64]bool), limit: int(total)},
		log:    &memoryLog{calls: calls, wake: make(chan struct{}, 1)},
		names:  &memoryNames{calls: calls, known: make(map[string]Shopper), all: make(map[string]Shopper)},
	}
	for i, name := range []string{"anna", "ben", "cleo", "dora", "barred"} {
		s.names.enroll(Shopper{ID: int64(i + 1), Username: name, MayPurchase: name != "barred"}, name != "dora")
	}
	s.ledger.moved = s.log.at
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.consume(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return s
}

// process starts a process that has looked at the sale. The ledger's decisions reach the first one.
func (s *memoryServers) process(t testing.TB, change ...func(*Deps)) *process {
	t.Helper()
	d := Deps{
		Store: s.ledger, Places: s.places, Releaser: s.places, Rebuild: s.places, Log: s.log, Direct: s.ledger, Cursors: s.ledger, Settled: s.log.settled,
		Shoppers: s.names, Live: func() int { return 1 }, Lookup: s.ledger.lookup, Logger: slog.New(slog.DiscardHandler),
	}
	for _, do := range change {
		do(&d)
	}
	d.Catalog = NewCatalog(CatalogConfig{Store: s.ledger, Bus: d.Bus, Log: s.log, Logger: d.Logger})
	p := &process{New(d)}
	p.readChanges(t)
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	if s.ledger.tell == nil {
		s.ledger.tell = p.Decided
	}
	return p
}

// readChanges brings the process up to date with the ledger.
func (p *process) readChanges(t testing.TB) {
	t.Helper()
	if err := p.catalog.refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func (p *process) press(name string) sale.Answer {
	return p.Buy(context.Background(), sale.PurchaseRequest{Slug: "flash", Name: name})
}

// bubble runs a test in fake time, with one process in front of a sale of so many units.
func bubble(t *testing.T, total int64, test func(t *testing.T, s *memoryServers, p *process)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryServers(t, total)
		test(t, s, s.process(t))
	})
}

// consume reads the log, as one consumer does: in order, each batch decided as a whole.
func (s *memoryServers) consume(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.log.wake:
		}
		batch := s.log.next()
		if len(batch) == 0 || s.ledger.ask(ctx) != nil {
			continue
		}
		d := s.ledger.rule(events.FromLog, batch...)
		s.log.read(len(batch))
		s.ledger.spread(d)
	}
}

// memoryLedger is Postgres: it decides by the same pure function as the real one, and keeps everything.
type memoryLedger struct {
	mood
	// reading is the cursor's. It may fail at any time, but take its time only where one press asks: the others wait
	// for a mutex, and the clock of a bubble stands still meanwhile.
	reading mood
	calls   *tally
	tell    func(events.Decision)
	moved   func() (offset int64, at time.Time)
	// watch is told of every change, under mu, when it is set.
	watch func()

	mu   sync.Mutex
	row  sale.Row
	rows map[uuid.UUID]*sale.OrderRow
	step ledger.BatchState
}

func newMemoryLedger(calls *tally, total int64) *memoryLedger {
	l := &memoryLedger{calls: calls, rows: make(map[uuid.UUID]*sale.OrderRow)}
	l.row = sale.Row{
		Key: sale.Key{Sale: flashSale, Generation: 1}, Slug: "flash", State: sale.Open, StartsAt: time.Now().Add(-time.Hour), EndsAt: time.Now().Add(time.Hour),
		Partition: 3, Secret: []byte("a secret of the sale's own"), Version: 1,
	}
	l.step = ledger.BatchState{
		Sales: make(map[int64]ledger.SaleState), Levels: make(map[sale.Key]sale.Level),
		Verdicts: make(map[uuid.UUID]*events.Verdict), Owners: make(map[sale.ShopperKey]uuid.UUID),
	}
	l.begin(total, 10)
	return l
}

// begin is the stock of a new generation. The caller has locked mu, or is alone.
func (l *memoryLedger) begin(total, version int64) {
	k := l.row.Key
	l.step.Levels[k] = sale.Level{Sale: k.Sale, Generation: k.Generation, Total: total, NextUnit: 1, Version: version}
	l.stand()
}

// stand tells the core in which state the sale is. The caller has locked mu.
func (l *memoryLedger) stand() {
	s := &l.row
	l.step.Sales[s.Sale] = ledger.SaleState{Generation: s.Generation, State: s.State, CloseID: sale.CloseID(s.Secret, s.Generation, s.ClosingVersion)}
	if l.watch != nil {
		l.watch()
	}
}

// change is an operator's action.
func (l *memoryLedger) change(do func(*sale.Row)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.row.Key
	do(&l.row)
	l.row.Version++
	if l.row.Key != old {
		l.begin(l.step.Levels[old].Total, l.step.Levels[old].Version+1)
	}
	l.stand()
}

// resize changes the stock, unless more is sold.
func (l *memoryLedger) resize(total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	level := l.step.Levels[l.row.Key]
	if total < level.Taken {
		return
	}
	level.Total, level.Version = total, level.Version+1
	l.step.Levels[l.row.Key] = level
	l.stand()
}

// cancel takes an order back.
func (l *memoryLedger) cancel(id uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.rows[id]
	k := sale.Key{Sale: o.SaleID, Generation: o.Generation}
	level := l.step.Levels[k]
	level.Taken--
	level.Version++
	o.Live, o.Revision = false, level.Version
	l.step.Levels[k] = level
	delete(l.step.Owners, sale.ShopperKey{Key: k, User: o.UserID})
	l.row.Version++
	l.stand()
}

// sell has an order made by another process.
func (l *memoryLedger) sell(user Shopper, press sale.PurchaseRequest) events.Verdict {
	l.mu.Lock()
	k, secret := l.row.Key, l.row.Secret
	l.mu.Unlock()
	return l.rule(events.FromLog, events.Claim{
		V: events.ClaimVersion, Kind: events.KindClaim, ID: sale.ClaimID(secret, k.Generation, user.ID, 1), SaleID: k.Sale,
		Generation: k.Generation, UserID: user.ID, Username: user.Username, Attempt: 1, IdempotencyKey: sale.IdempotencyKeyID(secret, user.ID, press.IdempotencyKey),
		RequestID: uuid.New(),
	}).Verdicts[0]
}

// rule gives claims their verdicts and keeps them. Nobody is told.
func (l *memoryLedger) rule(src events.Source, claims ...events.Claim) events.Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.step.Source, l.step.Now = src, time.Now().UTC().Truncate(time.Microsecond)
	for i := range claims {
		l.age(l.step.Verdicts[claims[i].ID])
	}
	made := l.step.Decide(claims)
	for _, r := range made.Ordered {
		k := sale.Key{Sale: r.Claim.SaleID, Generation: r.Claim.Generation}
		level := l.step.Levels[k]
		r.Verdict.Unit = level.NextUnit
		level.NextUnit++
		level.Version++
		l.step.Levels[k] = level
		r.Verdict.Revision = level.Version
		row := sale.ReceiptOf(r.Verdict)
		row.IdempotencyKey, row.KeyKnown = r.Claim.IdempotencyKey, true
		l.rows[row.OrderID] = &sale.OrderRow{Receipt: row, Revision: level.Version, Live: true, RequestID: r.Claim.RequestID}
	}
	var stocks []events.Stock
	for k := range made.Needs() {
		at := l.step.Levels[k]
		stocks = append(stocks, events.Stock{SaleID: k.Sale, Generation: k.Generation, Total: at.Total, Taken: at.Taken, Version: at.Version})
	}
	d := made.Decision(stocks)
	for _, r := range slices.Concat(made.Ordered, made.Declined) {
		r.Verdict.Fresh = false
	}
	for range made.Closed {
		l.row.State = sale.Closed
		l.row.Version++
	}
	l.stand()
	return d
}

// age makes a verdict read as one that was there before: with the number under which its shopper may press again.
func (l *memoryLedger) age(v *events.Verdict) {
	if v == nil || v.Outcome == events.Ordered && l.rows[v.ClaimID].Live {
		return
	}
	if v.Outcome == events.Declined {
		v.RequestID = uuid.Nil // the ledger keeps it with orders only
	}
	who := sale.ShopperKey{Key: sale.Key{Sale: v.SaleID, Generation: v.Generation}, User: v.UserID}
	v.NextAttempt, v.OrderID = 0, l.step.Owners[who]
	if v.OrderID != uuid.Nil {
		return
	}
	for _, other := range l.step.Verdicts {
		if other.UserID == v.UserID && other.Generation == v.Generation {
			v.NextAttempt = max(v.NextAttempt, other.Attempt+1)
		}
	}
}

// spread tells the process that the ledger runs in.
func (l *memoryLedger) spread(d events.Decision) {
	l.mu.Lock()
	tell := l.tell
	l.mu.Unlock()
	if tell != nil {
		tell(d)
	}
}

// deaf has nobody told of what is decided.
func (l *memoryLedger) deaf() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell = func(events.Decision) {}
}

func (l *memoryLedger) Decide(ctx context.Context, c events.Claim) (events.Verdict, error) {
	l.calls.add("direct")
	if err := l.ask(ctx); err != nil {
		return events.Verdict{}, err
	}
	d := l.rule(events.Direct, c)
	l.spread(d)
	return d.Verdicts[0], nil
}

func (l *memoryLedger) Verdicts(ctx context.Context, ids []uuid.UUID) ([]events.Verdict, error) {
	l.calls.add("verdicts")
	if err := l.ask(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []events.Verdict
	for _, id := range ids {
		if v := l.step.Verdicts[id]; v != nil {
			l.age(v)
			found = append(found, *v)
		}
	}
	return found, nil
}

func (l *memoryLedger) LiveReceipts(ctx context.Context, k sale.Key, users []int64) ([]sale.Receipt, error) {
	l.calls.add("receipts")
	if err := l.ask(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	found := make([]sale.Receipt, len(users))
	for i, u := range users {
		if id, ok := l.step.Owners[sale.ShopperKey{Key: k, User: u}]; ok {
			found[i] = l.rows[id].Receipt
		}
	}
	return found, nil
}

func (l *memoryLedger) lookup(ctx context.Context, k sale.Key, user int64) (sale.Receipt, error) {
	found, err := l.LiveReceipts(ctx, k, []int64{user})
	if err != nil {
		return sale.Receipt{}, err
	}
	return found[0], nil
}

func (l *memoryLedger) OrdersSince(ctx context.Context, k sale.Key, revision int64) ([]sale.OrderRow, error) {
	l.calls.add("orders")
	if err := l.ask(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var changed []sale.OrderRow
	for _, o := range l.rows {
		if (sale.Key{Sale: o.SaleID, Generation: o.Generation}) == k && o.Revision > revision {
			changed = append(changed, *o)
		}
	}
	return changed, nil
}

func (l *memoryLedger) Cursor(ctx context.Context, _ int) (int64, time.Time, error) {
	l.calls.add("cursor")
	if err := l.reading.ask(ctx); err != nil {
		return 0, time.Time{}, err
	}
	offset, at := l.moved()
	return offset, at, nil
}

func (l *memoryLedger) ReadChanges(ctx context.Context, _ map[int64]sale.Key, versions map[int64]int64) (sale.Changes, error) {
	n := sale.Changes{Asked: time.Now(), Now: time.Now()}
	if err := l.ask(ctx); err != nil {
		return n, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if versions[l.row.Sale] != l.row.Version {
		n.Rows = append(n.Rows, l.row)
	}
	n.Levels = append(n.Levels, l.step.Levels[l.row.Key])
	n.AnsweredAt = time.Now()
	return n, nil
}

func (l *memoryLedger) Advance(context.Context, string) (bool, error) { return false, nil }
func (l *memoryLedger) DigestNext(context.Context) (bool, error)      { return true, nil }

func (l *memoryLedger) Prepare(_ *pgx.Batch, src events.Source, claims []events.Claim) events.Decide {
	return func(context.Context, pgx.Tx, *pgx.Batch) (events.Decision, error) {
		return l.rule(src, claims...), l.ask(context.Background())
	}
}

func (l *memoryLedger) DeclineTx(_ context.Context, _ pgx.Tx, c events.Claim, reason events.Reason) (events.Verdict, error) {
	return events.Verdict{ClaimID: c.ID, Outcome: events.Declined, Reason: reason}, l.ask(context.Background())
}

// memoryLog is Kafka with one consumer.
type memoryLog struct {
	mood
	calls *tally
	wake  chan struct{}

	mu      sync.Mutex
	claims  []events.Claim
	epoch   int64
	cursor  int
	movedAt time.Time
	paused  bool
}

func (l *memoryLog) Append(ctx context.Context, partition int, c events.Claim) (events.Position, error) {
	l.calls.add("append")
	if err := l.ask(ctx); err != nil {
		return events.Position{}, err
	}
	defer l.signal()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claims = append(l.claims, c)
	return events.Position{Partition: partition, Offset: int64(len(l.claims) - 1)}, nil
}

func (l *memoryLog) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// pause stops the consumer, resume lets it go on.
func (l *memoryLog) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = true
}

func (l *memoryLog) resume() {
	l.mu.Lock()
	l.paused = false
	l.mu.Unlock()
	l.signal()
}

func (l *memoryLog) next() []events.Claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused {
		return nil
	}
	return slices.Clone(l.claims[l.cursor:])
}

func (l *memoryLog) read(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cursor, l.movedAt = l.cursor+n, time.Now()
}

func (l *memoryLog) at() (int64, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(l.cursor), l.movedAt
}

// settled is true while nothing is left to be decided.
func (l *memoryLog) settled(context.Context, int) (int64, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch, l.cursor == len(l.claims), nil
}

// replace puts an empty log in the place of this one.
func (l *memoryLog) replace() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch, l.claims, l.cursor = l.epoch+1, nil, 0
}

// written lists what the log has.
func (l *memoryLog) written() []events.Claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.claims)
}

// memoryPlaces is Redis.
type memoryPlaces struct {
	mood
	rebuilding mood
	releasing  mood
	calls      *tally

	mu      sync.Mutex
	limit   int
	missing bool
	// rooms is how many may have a place in each generation that is loaded; nil: limit, and all are.
	rooms   map[sale.Key]int
	holders map[sale.Key]map[int64]bool
}

func (p *memoryPlaces) Reserve(ctx context.Context, k sale.Key, user int64) (Place, error) {
	ctx, cancel := context.WithTimeout(ctx, placeTime) // as the combiner and the breaker see to it
	defer cancel()
	p.calls.add("reserve")
	if err := p.ask(ctx); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	room, loaded := p.rooms[k]
	if p.rooms == nil {
		room, loaded = p.limit, !p.missing
	}
	switch holders := p.holders[k]; {
	case !loaded:
		return 0, sale.ErrMissing
	case holders[user]:
		return AlreadyHolder, nil
	case len(holders) >= room:
		return Full, nil
	case holders == nil:
		p.holders[k] = make(map[int64]bool)
	}
	p.holders[k][user] = true
	return Reserved, nil
}

func (p *memoryPlaces) Release(ctx context.Context, k sale.Key, users []int64) error {
	p.calls.add("release")
	if err := p.releasing.ask(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range users {
		delete(p.holders[k], u)
	}
	return nil
}

func (p *memoryPlaces) Reconcile(ctx context.Context, _ sale.Key) error {
	p.calls.add("rebuild")
	if err := p.rebuilding.ask(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.missing = false
	return nil
}

// give makes the shopper a holder without a press.
func (p *memoryPlaces) give(k sale.Key, user int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holders[k] == nil {
		p.holders[k] = make(map[int64]bool)
	}
	p.holders[k][user] = true
}

// memoryNames is the directory of accounts: those known in memory, and all there are.
type memoryNames struct {
	mood
	calls *tally

	mu         sync.Mutex
	known, all map[string]Shopper
}

func (n *memoryNames) enroll(s Shopper, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all[s.Username] = s
	if known {
		n.known[s.Username] = s
	}
}

func (n *memoryNames) shopper(name string) Shopper {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all[name]
}

func (n *memoryNames) Known(name string) (Shopper, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok := n.known[name]
	return s, ok
}

func (n *memoryNames) Find(ctx context.Context, name string) (Shopper, bool, error) {
	n.calls.add("find")
	if err := n.ask(ctx); err != nil {
		return Shopper{}, false, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok := n.all[name]
	return s, ok, nil
}

func (n *memoryNames) Warm(ctx context.Context, ids []int64) error {
	n.calls.add("warm")
	if err := n.ask(ctx); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, s := range n.all {
		if slices.Contains(ids, s.ID) {
			n.known[name] = s
		}
	}
	return nil
}
