package checkout

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/ledger"
)

// simulatedLedger is the ledger in Postgres. It decides by the pure function of the real one, and keeps everything.
type simulatedLedger struct {
	fault
	// cursorFault is that of Cursor.
	cursorFault fault
	calls       *callCounts
	// cursor is how far the consumer has read the log.
	cursor func() (offset int64, at time.Time)
	// onChange is called after every change, with mu locked; nil: nothing is.
	onChange func()

	mu sync.Mutex
	// decided takes in what was decided: Checkout.Decided of the process that the consumer runs in.
	decided func(events.Decision)
	// elsewhere is true while another process decides, and its messages are lost.
	elsewhere bool
	row       sale.Row
	orders    map[uuid.UUID]*sale.OrderRow
	state     ledger.BatchState
}

func newSimulatedLedger(calls *callCounts, total int64) *simulatedLedger {
	l := &simulatedLedger{calls: calls, orders: make(map[uuid.UUID]*sale.OrderRow)}
	l.row = sale.Row{
		Limit: sale.UsualPressLimit(),
		Key:   saleKey, Slug: "flash", State: sale.Open, StartsAt: time.Now().Add(-time.Hour), EndsAt: time.Now().Add(time.Hour),
		Partition: 3, Secret: []byte("a secret of the sale's own"), Version: 1,
	}
	l.state = ledger.BatchState{
		Sales: make(map[int64]ledger.SaleState), Levels: make(map[sale.Key]sale.Level),
		Verdicts: make(map[uuid.UUID]*events.Verdict), Owners: make(map[sale.ShopperKey]uuid.UUID),
	}
	l.beginGeneration(total, 10)
	return l
}

// beginGeneration makes the stock of a new generation. The caller has locked mu, or is alone.
func (l *simulatedLedger) beginGeneration(total, version int64) {
	k := l.row.Key
	l.state.Levels[k] = sale.Level{Sale: k.Sale, Generation: k.Generation, Total: total, NextUnit: 1, Version: version}
	l.changed()
}

// changed copies the state of the sale to what Decide reads. The caller has locked mu.
func (l *simulatedLedger) changed() {
	s := &l.row
	l.state.Sales[s.Sale] = ledger.SaleState{Generation: s.Generation, State: s.State, Partition: s.Partition, IDs: sale.NewIDs(s.Secret),
		StartsAt: s.StartsAt, EndsAt: s.EndsAt, CloseID: sale.CloseID(s.Secret, s.Generation, s.ClosingVersion)}
	if l.onChange != nil {
		l.onChange()
	}
}

// change is an operator's act.
func (l *simulatedLedger) change(do func(*sale.Row)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.row.Key
	do(&l.row)
	l.row.Version++
	if l.row.Key != old {
		l.beginGeneration(l.state.Levels[old].Total, l.state.Levels[old].Version+1)
	}
	l.changed()
}

// resize changes the stock, unless more is sold.
func (l *simulatedLedger) resize(total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	level := l.state.Levels[l.row.Key]
	if total < level.Taken {
		return
	}
	level.Total, level.Version = total, level.Version+1
	l.state.Levels[l.row.Key] = level
	l.changed()
}

// cancel cancels an order.
func (l *simulatedLedger) cancel(id uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.orders[id]
	k := sale.Key{Sale: o.SaleID, Generation: o.Generation}
	level := l.state.Levels[k]
	level.Taken--
	level.Version++
	o.Live, o.Revision = false, level.Version
	l.state.Levels[k] = level
	delete(l.state.Owners, sale.ShopperKey{Key: k, User: o.UserID})
	l.row.Version++
	l.changed()
}

// sell makes an order, as for a request to another process.
func (l *simulatedLedger) sell(user sale.Shopper, request sale.PurchaseRequest) events.Verdict {
	l.mu.Lock()
	k, secret := l.row.Key, l.row.Secret
	l.mu.Unlock()
	return l.decide(events.FromLog, events.Claim{
		V: events.ClaimVersion, Kind: events.KindClaim, ID: sale.ClaimID(secret, k.Generation, user.ID, 1), SaleID: k.Sale,
		Generation: k.Generation, UserID: user.ID, Username: user.Username, Attempt: 1, IdempotencyKey: sale.IdempotencyKeyID(secret, user.ID, request.IdempotencyKey),
		RequestID: uuid.New(),
	}).Verdicts[0]
}

// decide gives claims their verdicts and keeps them. Nothing is announced.
func (l *simulatedLedger) decide(src events.Source, claims ...events.Claim) events.Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Source, l.state.Now = src, time.Now().UTC().Truncate(time.Microsecond)
	claims = slices.Clone(claims)
	for i := range claims {
		claims[i].Partition = l.row.Partition
		l.readAgain(l.state.Verdicts[claims[i].ID])
	}
	made := l.state.Decide(claims)
	for _, r := range made.Ordered {
		k := sale.Key{Sale: r.Claim.SaleID, Generation: r.Claim.Generation}
		level := l.state.Levels[k]
		r.Verdict.Unit = level.NextUnit
		level.NextUnit++
		level.Version++
		l.state.Levels[k] = level
		r.Verdict.Revision = level.Version
		row := sale.ReceiptOf(r.Verdict)
		row.IdempotencyKey, row.KeyKnown = r.Claim.IdempotencyKey, true
		l.orders[row.OrderID] = &sale.OrderRow{Receipt: row, PressedAt: r.Verdict.PressedAt, DecidedAt: r.Verdict.At, Revision: level.Version,
			Live: true, RequestID: r.Claim.RequestID}
	}
	var stocks []events.Stock
	for k := range made.Needs() {
		at := l.state.Levels[k]
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
	l.changed()
	return d
}

// readAgain sets what a verdict has when it is read after its commit: the number of the shopper's next attempt.
func (l *simulatedLedger) readAgain(v *events.Verdict) {
	if v == nil || v.Outcome == events.Ordered && l.orders[v.ClaimID].Live {
		return
	}
	if v.Outcome == events.Declined {
		v.RequestID = uuid.Nil // the ledger keeps it with orders only
	}
	who := sale.ShopperKey{Key: sale.Key{Sale: v.SaleID, Generation: v.Generation}, User: v.UserID}
	v.NextAttempt, v.OrderID = 0, l.state.Owners[who]
	if v.OrderID != uuid.Nil {
		return
	}
	for _, other := range l.state.Verdicts {
		if other.UserID == v.UserID && other.Generation == v.Generation {
			v.NextAttempt = max(v.NextAttempt, other.Attempt+1)
		}
	}
}

// announce gives a decision to the process that the consumer runs in.
func (l *simulatedLedger) announce(d events.Decision) {
	l.mu.Lock()
	decided, lost := l.decided, l.elsewhere
	l.mu.Unlock()
	if decided != nil && !lost {
		decided(d)
	}
}

// losesDecisions has another process decide, whose messages are lost; false: this one decides again.
func (l *simulatedLedger) losesDecisions(lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.elsewhere = lost
}

func (l *simulatedLedger) taken() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Levels[l.row.Key].Taken
}

func (l *simulatedLedger) Decide(ctx context.Context, c events.Claim) (events.Verdict, error) {
	l.calls.add("direct")
	if err := l.ask(ctx); err != nil {
		return events.Verdict{}, err
	}
	d := l.decide(events.Direct, c)
	l.announce(d)
	return d.Verdicts[0], nil
}

func (l *simulatedLedger) Verdicts(ctx context.Context, ids []uuid.UUID) ([]events.Verdict, error) {
	l.calls.add("verdicts")
	if err := l.ask(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []events.Verdict
	for _, id := range ids {
		if v := l.state.Verdicts[id]; v != nil {
			l.readAgain(v)
			found = append(found, *v)
		}
	}
	return found, nil
}

func (l *simulatedLedger) LiveReceipts(ctx context.Context, k sale.Key, users []int64) ([]sale.Receipt, error) {
	l.calls.add("receipts")
	if err := l.ask(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	found := make([]sale.Receipt, len(users))
	for i, u := range users {
		if id, ok := l.state.Owners[sale.ShopperKey{Key: k, User: u}]; ok {
			found[i] = l.orders[id].Receipt
		}
	}
	return found, nil
}

func (l *simulatedLedger) lookup(ctx context.Context, k sale.Key, user int64) (sale.Receipt, error) {
	found, err := l.LiveReceipts(ctx, k, []int64{user})
	if err != nil {
		return sale.Receipt{}, err
	}
	return found[0], nil
}

func (l *simulatedLedger) OrdersSince(ctx context.Context, k sale.Key, revision int64) ([]sale.OrderRow, error) {
	l.calls.add("orders")
	if err := l.ask(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var changed []sale.OrderRow
	for _, o := range l.orders {
		if (sale.Key{Sale: o.SaleID, Generation: o.Generation}) == k && o.Revision > revision {
			changed = append(changed, *o)
		}
	}
	return changed, nil
}

func (l *simulatedLedger) Cursor(ctx context.Context, _ int) (int64, time.Time, error) {
	l.calls.add("cursor")
	if err := l.cursorFault.ask(ctx); err != nil {
		return 0, time.Time{}, err
	}
	offset, at := l.cursor()
	return offset, at, nil
}

func (l *simulatedLedger) ReadChanges(ctx context.Context, _ map[int64]sale.Key, versions map[int64]int64) (sale.Changes, error) {
	n := sale.Changes{Asked: time.Now()}
	if err := l.ask(ctx); err != nil {
		return n, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if versions[l.row.Sale] != l.row.Version {
		n.Rows = append(n.Rows, l.row)
	}
	n.Levels = append(n.Levels, l.state.Levels[l.row.Key])
	n.AnsweredAt = time.Now()
	n.Now = n.Asked.Add(n.AnsweredAt.Sub(n.Asked) / 2)
	return n, nil
}

func (l *simulatedLedger) Advance(ctx context.Context, _ string) (bool, error) {
	if err := l.ask(ctx); err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	to := ledger.Due(l.row.State, l.row.StartsAt, l.row.EndsAt, time.Now())
	if to == l.row.State {
		return false, nil
	}
	l.row.State = to
	l.row.Version++
	if to == sale.Closing {
		l.row.ClosingVersion = l.row.Version
	}
	l.changed()
	return true, nil
}

func (l *simulatedLedger) DigestNext(context.Context) (bool, error) { return true, nil }

func (l *simulatedLedger) Prepare(_ *pgx.Batch, src events.Source, claims []events.Claim) events.Decide {
	return func(context.Context, pgx.Tx, *pgx.Batch) (events.Decision, error) {
		return l.decide(src, claims...), l.ask(context.Background())
	}
}

func (l *simulatedLedger) DeclineTx(_ context.Context, _ pgx.Tx, c events.Claim, reason events.Reason) (events.Verdict, error) {
	return events.Verdict{ClaimID: c.ID, Outcome: events.Declined, Reason: reason}, l.ask(context.Background())
}
