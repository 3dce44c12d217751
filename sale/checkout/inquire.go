package checkout

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// Receipt finds the shopper's receipt in the present generation of the sale, also when the account was archived since. A name
// that nobody has owns nothing.
// Errors: ErrNoSale, or that it could not be looked up.
func (c *Checkout) Receipt(ctx context.Context, slug, name string) (sale.Receipt, bool, error) {
	e := c.catalog.find(slug)
	if e == nil {
		return sale.Receipt{}, false, sale.ErrNoSale
	}
	s, ok := c.shoppers.Known(name)
	if !ok {
		var err error
		if s, ok, err = c.shoppers.Find(ctx, name); err != nil || !ok {
			return sale.Receipt{}, false, err
		}
	}
	if r, ok := e.receipts.receipt(e.Key, s); ok {
		return r, true, nil
	}
	r, err := c.lookup(ctx, e.Key, s.ID)
	if err != nil {
		return sale.Receipt{}, false, fmt.Errorf("find receipt: %w", err)
	}
	return r, r.OrderID != uuid.Nil, nil
}

// Known says whether there is an account of that name. One that was archived is not there any more.
func (c *Checkout) Known(ctx context.Context, name string) (bool, error) {
	s, ok := c.shoppers.Known(name)
	if ok {
		return !s.Archived, nil
	}
	s, ok, err := c.shoppers.Find(ctx, name)
	return ok && !s.Archived, err
}

// Receipts finds the receipts of many shoppers in the present generation, by their ids. Errors: as Receipt.
func (c *Checkout) Receipts(ctx context.Context, slug string, userIDs []int64) (map[int64]sale.Receipt, error) {
	e := c.catalog.find(slug)
	if e == nil {
		return nil, sale.ErrNoSale
	}
	found, err := c.ledger.LiveReceipts(ctx, e.Key, userIDs)
	if err != nil {
		return nil, err
	}
	byUser := make(map[int64]sale.Receipt, len(found))
	for _, r := range found {
		if r.OrderID != uuid.Nil {
			byUser[r.UserID] = r
		}
	}
	return byUser, nil
}

// Claim says what became of a claim. at is where the log has it, from the Answer: how far the ledger has decided that
// partition shows whether a claim without a verdict is pending or lost. Without at, a claim is gone if it has no verdict
// and no request waits for it here. If a request waits for it, or its last answer was "pending" a moment ago, it is pending,
// and the ledger is not asked. While the ledger cannot be asked, it stays pending for a while. Errors: ErrTooMany, or that it
// could not be looked up within lookupTime.
func (c *Checkout) Claim(ctx context.Context, id uuid.UUID, at *events.Position) (sale.ClaimState, error) {
	now := time.Now()
	age, asked := c.pendingAnswers.age(id, now)
	if asked && age < askAgain || c.pending.waiting(id) {
		c.metrics.polls.remembered.Inc()
		return sale.ClaimState{State: sale.ClaimPending}, nil
	}
	state, err := c.askedFor(ctx, id, at)
	switch {
	case err != nil && asked && age < pendingKept:
		c.metrics.polls.remembered.Inc()
		return sale.ClaimState{State: sale.ClaimPending}, nil
	case err != nil:
		c.metrics.polls.failed.Inc()
		return sale.ClaimState{}, err
	case state.State == sale.ClaimPending:
		c.pendingAnswers.note(id, now)
	default:
		c.told.forget(id) // decided, or lost
	}
	c.metrics.polls.looked.Inc()
	return state, nil
}

// askedFor looks the claim up.
func (c *Checkout) askedFor(ctx context.Context, id uuid.UUID, at *events.Position) (sale.ClaimState, error) {
	if state, ok, err := c.verdict(ctx, id); ok || err != nil {
		return state, err
	}
	if at == nil || at.Partition < 0 || at.Partition >= events.Partitions {
		return sale.ClaimState{State: sale.ClaimGone}, nil
	}
	lost, err := c.lostClaims.lost(ctx, id, at.Partition)
	if err != nil {
		return sale.ClaimState{}, fmt.Errorf("look whether the log is decided: %w", err)
	}
	if !lost {
		return sale.ClaimState{State: sale.ClaimPending}, nil
	}
	// It may have been decided between the two questions.
	state, ok, err := c.verdict(ctx, id)
	if !ok && err == nil {
		state = sale.ClaimState{State: sale.ClaimGone}
	}
	return state, err
}

func (c *Checkout) verdict(ctx context.Context, id uuid.UUID) (sale.ClaimState, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	v, found, err := c.verdictOf(ctx, id)
	if err != nil || !found {
		return sale.ClaimState{}, false, err
	}
	if v.Outcome == events.Ordered {
		return sale.ClaimState{State: sale.ClaimOrdered, Receipt: sale.ReceiptOf(&v), Username: v.Username, At: v.At}, true, nil
	}
	c.logUnknownReason(&v)
	return sale.ClaimState{State: sale.ClaimDeclined, Reason: v.Reason, Username: v.Username, At: v.At}, true, nil
}

const (
	// askAgain is how long the answer "pending" is repeated from memory.
	askAgain = 500 * time.Millisecond
	// pendingKept is how long at least it is repeated while the ledger cannot be asked.
	pendingKept = 30 * time.Second
	mostPending = 50_000
)

// pendingAnswers remembers which claims had no verdict when they were last asked for, until a verdict comes. Clients whose
// request was answered "pending" ask again and again; most of that does not reach the ledger. The memory is bounded: a claim
// that is forgotten costs one question.
type pendingAnswers struct {
	some atomic.Bool

	mu sync.Mutex
	// recent are those since rotatedAt, earlier those of the period before.
	recent, earlier map[uuid.UUID]time.Time
	rotatedAt       time.Time
}

// age is how long ago the claim was known to be pending.
func (p *pendingAnswers) age(id uuid.UUID, now time.Time) (time.Duration, bool) {
	if !p.some.Load() {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, known := p.recent[id]
	if !known {
		at, known = p.earlier[id]
	}
	return now.Sub(at), known
}

// note says that the claim is pending now.
func (p *pendingAnswers) note(id uuid.UUID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.recent == nil || len(p.recent) >= mostPending || now.Sub(p.rotatedAt) >= pendingKept {
		p.recent, p.earlier, p.rotatedAt = make(map[uuid.UUID]time.Time), p.recent, now
	}
	p.recent[id] = now
	p.some.Store(true)
}

// forget ends what is remembered of a claim.
func (p *pendingAnswers) forget(id uuid.UUID) {
	if !p.some.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.recent, id)
	delete(p.earlier, id)
}
