package checkout

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
	"flashsale/sale"
	"flashsale/sale/ledger"
	"flashsale/sale/saletest"
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

	row      sale.Row // as Postgres has it
	verdicts map[uuid.UUID]*events.Verdict
	orders   map[uuid.UUID]*sale.OrderRow
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
			orders: map[uuid.UUID]*sale.OrderRow{}, people: map[string]Shopper{}, strange: map[string]Shopper{}, holders: map[int64]bool{},
		}
		w.faults.latency = 4 * time.Millisecond
		w.movedAt = time.Now()
		w.row = sale.Row{
			Key: sale.Key{Sale: 7, Generation: 1}, Slug: saletest.Slug, State: sale.Open, StartsAt: time.Now().Add(-time.Hour), EndsAt: time.Now().Add(time.Hour),
			Partition: 7, Secret: saletest.Secret(), Version: 1, Product: sale.Product{Name: "A thing"},
			Level: sale.Level{Sale: 7, Generation: 1, Total: units, NextUnit: 1, Version: 1},
		}
		for c := 'a'; c <= 'z'; c++ {
			w.people[string(c)] = Shopper{ID: int64(c), Username: string(c), MayPurchase: true}
		}
		quiet := slog.New(slog.DiscardHandler)
		w.catalog = NewCatalog(CatalogConfig{Store: w, Log: w, Logger: quiet})
		w.checkout = New(Deps{
			Store: w, Catalog: w.catalog, Places: w, Releaser: w, Rebuild: w, Log: w, Direct: w, Cursors: w, Settled: w.settled, Shoppers: w,
			Live: func() int { return 1 + w.others }, Lookup: w.lookup, Logger: quiet,
		})
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

func (w *memoryProcess) press(name string) sale.Answer {
	return w.checkout.Buy(w.ctx, sale.PurchaseRequest{Name: name})
}

// change changes the world; the catalog hears of it as it would in life.
func (w *memoryProcess) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// operator changes the sale's row in Postgres, and shows it in the catalog at once.
func (w *memoryProcess) operator(do func()) {
	w.t.Helper()
	w.change(func() { do(); w.row.Version++ })
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
	s := &ledger.BatchState{
		Source: src, Now: time.Now().UTC(), Owners: map[sale.ShopperKey]uuid.UUID{}, Verdicts: map[uuid.UUID]*events.Verdict{},
		Sales:  map[int64]ledger.SaleState{k.Sale: {Generation: w.row.Generation, State: w.row.State, CloseID: sale.CloseID(saletest.Secret(), k.Generation, w.row.ClosingVersion)}},
		Levels: map[sale.Key]sale.Level{k: w.row.Level},
	}
	for id, o := range w.orders {
		if o.Live {
			s.Owners[sale.ShopperKey{Key: sale.Key{Sale: o.SaleID, Generation: o.Generation}, User: o.UserID}] = id
		}
	}
	for id := range w.verdicts {
		s.Verdicts[id] = w.known(id)
	}
	made := s.Decide(claims)
	w.commit(made)
	var stocks []events.Stock
	if len(made.Ordered) > 0 {
		l := w.row.Level
		stocks = []events.Stock{{SaleID: l.Sale, Generation: l.Generation, Total: l.Total, Taken: l.Taken, Version: l.Version}}
	}
	return made.Decision(stocks)
}

func (w *memoryProcess) commit(made ledger.BatchResult) {
	if len(made.Ordered) > 0 {
		w.row.Level.Version++
	}
	for _, r := range made.Ordered {
		w.row.Level.Taken++
		r.Verdict.Unit, r.Verdict.Revision = w.row.Level.NextUnit, w.row.Level.Version
		w.row.Level.NextUnit++
		o := &sale.OrderRow{Receipt: sale.ReceiptOf(r.Verdict), Revision: w.row.Level.Version, Live: true, RequestID: r.Claim.RequestID}
		o.IdempotencyKey, o.KeyKnown = r.Claim.IdempotencyKey, true
		w.orders[r.Claim.ID] = o
	}
	for _, r := range append(made.Ordered, made.Declined...) {
		v := *r.Verdict
		w.verdicts[v.ClaimID] = &v
	}
	for range made.Closed {
		w.row.State = sale.Closed
		w.row.Version++
	}
}

// known is an old verdict as the ledger gives it again.
func (w *memoryProcess) known(id uuid.UUID) *events.Verdict {
	v := *w.verdicts[id]
	v.Fresh = false
	o := w.orders[id]
	if o != nil && o.Live {
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
		w.row.Level.Taken--
		w.row.Level.Version++
		w.orders[id].Live, w.orders[id].Revision = false, w.row.Level.Version
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

func (w *memoryProcess) LiveReceipts(ctx context.Context, k sale.Key, users []int64) ([]sale.Receipt, error) {
	all := make([]sale.Receipt, len(users))
	for i, u := range users {
		r, err := w.lookup(ctx, k, u)
		if err != nil {
			return nil, err
		}
		all[i] = r
	}
	return all, nil
}

func (w *memoryProcess) lookup(ctx context.Context, k sale.Key, user int64) (sale.Receipt, error) {
	if err := w.askPostgres(ctx, "receipt"); err != nil {
		return sale.Receipt{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.orders {
		if o.Live && o.UserID == user && o.Generation == k.Generation {
			return o.Receipt, nil
		}
	}
	return sale.Receipt{}, nil
}

func (w *memoryProcess) OrdersSince(ctx context.Context, k sale.Key, revision int64) ([]sale.OrderRow, error) {
	if err := w.askPostgres(ctx, "orders"); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var changed []sale.OrderRow
	for _, o := range w.orders {
		if o.Generation == k.Generation && o.Revision > revision {
			changed = append(changed, *o)
		}
	}
	return changed, nil
}

func (w *memoryProcess) ReadChanges(ctx context.Context, _ map[int64]sale.Key, versions map[int64]int64) (sale.Changes, error) {
	n := sale.Changes{Asked: time.Now()}
	if err := w.askPostgres(ctx, "look"); err != nil {
		return n, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n.AnsweredAt, n.Levels = time.Now(), []sale.Level{w.row.Level}
	n.Now = n.Asked.Add(n.AnsweredAt.Sub(n.Asked) / 2)
	if versions[w.row.Sale] != w.row.Version {
		n.Rows = []sale.Row{w.row}
		n.Rows[0].Level = sale.Level{}
	}
	return n, nil
}

func (w *memoryProcess) Advance(ctx context.Context, _ string) (bool, error) {
	if err := w.askPostgres(ctx, "move"); err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	to := ledger.Due(w.row.State, w.row.StartsAt, w.row.EndsAt, time.Now())
	if to == w.row.State {
		return false, nil
	}
	w.row.State = to
	w.row.Version++
	if to == sale.Closing {
		w.row.ClosingVersion = w.row.Version
	}
	return true, nil
}

func (w *memoryProcess) DigestNext(context.Context) (bool, error) { return true, nil }

// The places.

func (w *memoryProcess) Reserve(ctx context.Context, k sale.Key, user int64) (Place, error) {
	ctx, cancel := context.WithTimeout(ctx, placeTime) // as the combiner and the breaker see to it
	defer cancel()
	if err := w.ask(ctx, "redis", func(f faults) bool { return f.redis }); err != nil {
		return 0, fmt.Errorf("%w: %w", sale.ErrUnavailable, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.holders == nil:
		return 0, sale.ErrMissing
	case w.holders[user]:
		return AlreadyHolder, nil
	case k == w.row.Key && int64(len(w.holders)) >= w.row.Level.Total:
		return Full, nil
	}
	w.holders[user] = true
	return Reserved, nil
}

func (w *memoryProcess) Release(_ context.Context, _ sale.Key, users []int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range users {
		delete(w.holders, u)
	}
	return nil
}

func (w *memoryProcess) Reconcile(ctx context.Context, _ sale.Key) error {
	if err := w.askPostgres(ctx, "reconcile"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holders = map[int64]bool{}
	for _, o := range w.orders {
		if o.Live && o.Generation == w.row.Generation {
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
