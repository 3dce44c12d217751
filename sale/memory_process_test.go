package sale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// memoryProcess is one process with its servers, all in memory, on a clock that only runs while everybody waits. The ledger
// decides by the package's own pure core; the servers fail on command. Everything is guarded by mu.
type memoryProcess struct {
	t        *testing.T
	ctx      context.Context
	catalog  *Catalog
	checkout *Checkout
	others   int // live processes beside this one

	mu     sync.Mutex
	asked  map[string]int // questions, by server
	faults faults

	row      saleRow // as Postgres has it
	verdicts map[uuid.UUID]*events.Verdict
	orders   map[uuid.UUID]*order
	people   map[string]Shopper // in the process's memory
	strange  map[string]Shopper // only in Postgres
	holders  map[int64]bool     // nil: Redis has lost them
	log      []events.Claim
	cursor   int
	movedAt  time.Time
}

type faults struct {
	postgres bool // refuses
	redis    bool // refuses
	kafka    bool // refuses
	silent   bool // Kafka never answers
	consumer bool // nobody reads the log
	elder    bool // another process reads the log, and its messages do not arrive
	latency  time.Duration
}

var errRefusedHere = errors.New("the server is away")

// inMemory runs a test in a world with an open sale of so many units and shoppers named a to z.
func inMemory(t *testing.T, units int64, test func(w *memoryProcess)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		w := &memoryProcess{
			t: t, ctx: ctx, asked: map[string]int{}, verdicts: map[uuid.UUID]*events.Verdict{},
			orders: map[uuid.UUID]*order{}, people: map[string]Shopper{}, strange: map[string]Shopper{}, holders: map[int64]bool{},
		}
		w.faults.latency = 4 * time.Millisecond
		w.movedAt = time.Now()
		w.row = saleRow{
			Key: Key{7, 1}, slug: firstSlug, state: Open, startsAt: time.Now().Add(-time.Hour), endsAt: time.Now().Add(time.Hour),
			partition: 7, secret: testSecret, version: 1, product: firstProduct(),
			level: Level{Sale: 7, Generation: 1, Total: units, NextUnit: 1, Version: 1},
		}
		for c := 'a'; c <= 'z'; c++ {
			w.people[string(c)] = Shopper{ID: int64(c), Username: string(c), MayPurchase: true}
		}
		quiet := slog.New(slog.DiscardHandler)
		w.catalog = newCatalog(w, nil, w, quiet)
		w.checkout = newCheckout(Deps{
			Catalog: w.catalog, Places: w, Releaser: w, Rebuild: w, Log: w, Direct: w, Cursors: w, Settled: w.settled, Shoppers: w,
			Live: func() int { return 1 + w.others }, Lookup: w.lookup, Logger: quiet,
		}, w)
		if err := w.catalog.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { _ = w.catalog.Run(ctx) })
		running.Go(func() { _ = w.checkout.Run(ctx) })
		running.Go(func() { w.consume() })
		synctest.Wait()
		test(w)
		end()
		running.Wait()
	})
}

func (w *memoryProcess) press(name string) Answer { return w.checkout.Buy(w.ctx, Press{Name: name}) }

// change changes the world; the catalog hears of it as it would in life.
func (w *memoryProcess) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// operator changes the sale's row in Postgres, and shows it in the catalog at once.
func (w *memoryProcess) operator(do func()) {
	w.t.Helper()
	w.change(func() { do(); w.row.version++ })
	if err := w.catalog.Refresh(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // the receipt cache is loaded
}

// count is how often the servers were asked.
func (w *memoryProcess) count(servers ...string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range servers {
		n += w.asked[s]
	}
	return n
}

// ask counts a question and takes the server's time for it.
func (w *memoryProcess) ask(ctx context.Context, server string, away func(faults) bool) error {
	w.mu.Lock()
	w.asked[server]++
	f := w.faults
	w.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(f.latency):
	}
	if away(f) {
		return errRefusedHere
	}
	return nil
}

func (w *memoryProcess) askPostgres(ctx context.Context, what string) error {
	return w.ask(ctx, what, func(f faults) bool { return f.postgres })
}

// The ledger: what Store does on Postgres.

func (w *memoryProcess) rule(src events.Source, claims []events.Claim) events.Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.row.Key
	s := &ledgerState{
		source: src, now: time.Now().UTC(), owners: map[shopperKey]uuid.UUID{}, verdicts: map[uuid.UUID]*events.Verdict{},
		sales:  map[int64]saleState{k.Sale: {w.row.Generation, w.row.state, closeID(testSecret, k.Generation, w.row.closingVersion)}},
		levels: map[Key]Level{k: w.row.level},
	}
	for id, o := range w.orders {
		if o.live {
			s.owners[shopperKey{Key{o.SaleID, o.Generation}, o.UserID}] = id
		}
	}
	for id := range w.verdicts {
		s.verdicts[id] = w.known(id)
	}
	made := decide(s, claims)
	w.commit(made)
	var stocks []events.Stock
	if len(made.ordered) > 0 {
		l := w.row.level
		stocks = []events.Stock{{SaleID: l.Sale, Generation: l.Generation, Total: l.Total, Taken: l.Taken, Version: l.Version}}
	}
	return decisionOf(made, stocks)
}

func (w *memoryProcess) commit(made batchResult) {
	if len(made.ordered) > 0 {
		w.row.level.Version++
	}
	for _, r := range made.ordered {
		w.row.level.Taken++
		r.verdict.Unit, r.verdict.Revision = w.row.level.NextUnit, w.row.level.Version
		w.row.level.NextUnit++
		o := &order{Receipt: receiptOf(r.verdict), revision: w.row.level.Version, live: true, requestID: r.claim.RequestID}
		o.idempotencyKey, o.keyKnown = r.claim.IdempotencyKey, true
		w.orders[r.claim.ID] = o
	}
	for _, r := range append(made.ordered, made.declined...) {
		v := *r.verdict
		w.verdicts[v.ClaimID] = &v
	}
	for range made.closed {
		w.row.state = Closed
		w.row.version++
	}
}

// known is an old verdict as the ledger gives it again.
func (w *memoryProcess) known(id uuid.UUID) *events.Verdict {
	v := *w.verdicts[id]
	v.Fresh = false
	o := w.orders[id]
	if o != nil && o.live {
		return &v
	}
	if v.Outcome == events.Declined {
		v.RequestID = uuid.Nil // the ledger keeps it with orders only
	}
	for _, other := range w.verdicts {
		if other.UserID == v.UserID && other.Generation == v.Generation {
			v.NextAttempt = max(v.NextAttempt, other.Attempt+1)
		}
	}
	return &v
}

// cancel takes an order back, as an operator does.
func (w *memoryProcess) cancel(id uuid.UUID) {
	w.operator(func() {
		w.row.level.Taken--
		w.row.level.Version++
		w.orders[id].live, w.orders[id].revision = false, w.row.level.Version
		delete(w.holders, w.orders[id].UserID)
	})
}

func (w *memoryProcess) Prepare(*pgx.Batch, events.Source, []events.Claim) events.Decide {
	panic("the world's ledger has no transactions")
}

func (w *memoryProcess) DeclineTx(context.Context, pgx.Tx, events.Claim, events.Reason) (events.Verdict, error) {
	panic("the world's ledger has no transactions")
}

func (w *memoryProcess) Verdicts(ctx context.Context, ids []uuid.UUID) ([]events.Verdict, error) {
	if err := w.askPostgres(ctx, "verdicts"); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []events.Verdict
	for _, id := range ids {
		if w.verdicts[id] != nil {
			found = append(found, *w.known(id))
		}
	}
	return found, nil
}

func (w *memoryProcess) LiveReceipts(ctx context.Context, k Key, users []int64) ([]Receipt, error) {
	all := make([]Receipt, len(users))
	for i, u := range users {
		r, err := w.lookup(ctx, k, u)
		if err != nil {
			return nil, err
		}
		all[i] = r
	}
	return all, nil
}

func (w *memoryProcess) lookup(ctx context.Context, k Key, user int64) (Receipt, error) {
	if err := w.askPostgres(ctx, "receipt"); err != nil {
		return Receipt{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.orders {
		if o.live && o.UserID == user && o.Generation == k.Generation {
			return o.Receipt, nil
		}
	}
	return Receipt{}, nil
}

func (w *memoryProcess) ordersSince(ctx context.Context, k Key, revision int64) ([]order, error) {
	if err := w.askPostgres(ctx, "orders"); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var changed []order
	for _, o := range w.orders {
		if o.Generation == k.Generation && o.revision > revision {
			changed = append(changed, *o)
		}
	}
	return changed, nil
}

func (w *memoryProcess) readChanges(ctx context.Context, _ map[int64]Key, versions map[int64]int64) (changes, error) {
	n := changes{asked: time.Now()}
	if err := w.askPostgres(ctx, "look"); err != nil {
		return n, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n.answeredAt, n.levels = time.Now(), []Level{w.row.level}
	n.now = n.asked.Add(n.answeredAt.Sub(n.asked) / 2)
	if versions[w.row.Sale] != w.row.version {
		n.rows = []saleRow{w.row}
		n.rows[0].level = Level{}
	}
	return n, nil
}

func (w *memoryProcess) advance(ctx context.Context, _ string) (bool, error) {
	if err := w.askPostgres(ctx, "move"); err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := lockedSale{Key: w.row.Key, state: w.row.state, startsAt: w.row.startsAt, endsAt: w.row.endsAt, now: time.Now()}
	to := due(now)
	if to == now.state {
		return false, nil
	}
	w.row.state = to
	w.row.version++
	if to == Closing {
		w.row.closingVersion = w.row.version
	}
	return true, nil
}

func (w *memoryProcess) digestNext(context.Context) (bool, error) { return true, nil }

// The places.

func (w *memoryProcess) Reserve(ctx context.Context, k Key, user int64) (Place, error) {
	ctx, cancel := context.WithTimeout(ctx, placeTime) // as the combiner and the breaker see to it
	defer cancel()
	if err := w.ask(ctx, "redis", func(f faults) bool { return f.redis }); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.holders == nil:
		return 0, ErrMissing
	case w.holders[user]:
		return AlreadyHolder, nil
	case k == w.row.Key && int64(len(w.holders)) >= w.row.level.Total:
		return Full, nil
	}
	w.holders[user] = true
	return Reserved, nil
}

func (w *memoryProcess) Release(_ context.Context, _ Key, users []int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range users {
		delete(w.holders, u)
	}
	return nil
}

func (w *memoryProcess) Reconcile(ctx context.Context, _ Key) error {
	if err := w.askPostgres(ctx, "reconcile"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holders = map[int64]bool{}
	for _, o := range w.orders {
		if o.live && o.Generation == w.row.Generation {
			w.holders[o.UserID] = true
		}
	}
	return nil
}

// The log.

func (w *memoryProcess) Append(ctx context.Context, partition int, c events.Claim) (events.Position, error) {
	if w.fault().silent {
		<-ctx.Done()
		return events.Position{}, ctx.Err()
	}
	if err := w.ask(ctx, "kafka", func(f faults) bool { return f.kafka }); err != nil {
		return events.Position{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, c)
	return events.Position{Partition: partition, Offset: int64(len(w.log) - 1)}, nil
}

func (w *memoryProcess) fault() faults {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.faults
}

// consume is the ledger's consumer, of this process or (faults.elder) of another.
func (w *memoryProcess) consume() {
	for sleep(w.ctx, 5*time.Millisecond, nil) {
		w.mu.Lock()
		f, batch := w.faults, w.log[w.cursor:]
		w.mu.Unlock()
		if f.consumer || f.postgres || len(batch) == 0 {
			continue
		}
		d := w.rule(events.FromLog, batch)
		w.change(func() { w.cursor += len(batch); w.movedAt = time.Now() })
		if !f.elder {
			w.checkout.Decided(d)
		}
	}
}

func (w *memoryProcess) Cursor(ctx context.Context, _ int) (int64, time.Time, error) {
	if w.fault().postgres {
		return 0, time.Time{}, errRefusedHere
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return int64(w.cursor), w.movedAt, nil
}

// settled is true while the ledger has read all of the log.
func (w *memoryProcess) settled(ctx context.Context, partition int) (int64, bool, error) {
	offset, _, err := w.Cursor(ctx, partition)
	w.mu.Lock()
	defer w.mu.Unlock()
	return 0, offset == int64(len(w.log)), err
}

func (w *memoryProcess) Decide(ctx context.Context, c events.Claim) (events.Verdict, error) {
	if err := w.askPostgres(ctx, "direct"); err != nil {
		return events.Verdict{}, err
	}
	d := w.rule(events.Direct, []events.Claim{c})
	w.checkout.Decided(d)
	return d.Verdicts[0], nil
}

// The shoppers.

func (w *memoryProcess) Known(name string) (Shopper, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.people[name]
	return s, ok
}

func (w *memoryProcess) Find(ctx context.Context, name string) (Shopper, bool, error) {
	if err := w.askPostgres(ctx, "name"); err != nil {
		return Shopper{}, false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.strange[name]
	if ok {
		w.people[name] = s
	}
	return s, ok, nil
}

func (w *memoryProcess) Warm(ctx context.Context, ids []int64) error {
	if err := w.askPostgres(ctx, "warm"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.strange {
		for _, id := range ids {
			if s.ID == id {
				w.people[s.Username] = s
			}
		}
	}
	return nil
}
