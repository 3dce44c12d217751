package checkout

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"flashsale/sale"
)

// Buy takes a purchase request to its answer. Every stage is bounded by a time of its own and by what is left of buyTime, so
// the answer comes within buyTime, whatever fails. The answers have an order of precedence: who asks, one's own receipt in
// any state of the sale, the sale's state, the limit of presses, then the places. A sale that does not exist is Unavailable with a zero
// Answer.Sale. If ctx ends before a place is reserved, the request ends with it. After that the claim goes on to its
// verdict, because nobody else can use the place until then.
func (c *Checkout) Buy(ctx context.Context, request sale.PurchaseRequest) sale.Answer {
	e := c.catalog.find(request.Slug)
	if e == nil {
		return sale.Answer{Kind: sale.Unavailable, Username: request.Name}
	}
	now := time.Now()
	p := purchase{Checkout: c, request: request, entry: e, deadline: now.Add(buyTime)}
	p.sale = c.catalog.snapshot(e, now)
	p.askedAt, p.pressedAt = p.sale.Now, c.catalog.clock.pressTime(&p.sale, now)
	if done, ok := p.identify(ctx); ok {
		return done
	}
	if p.starting() && !p.awaitStart(ctx) {
		return p.unavailable()
	}
	if done, ok := p.answerFromMemory(ctx); ok {
		return done
	}
	if done, ok := p.tooOften(ctx); ok {
		return done
	}
	return p.reserve(ctx)
}

// purchase is one request under way. It goes through these states, and may be answered in each:
//
//	identified  the shopper is known and has no receipt in memory          identify
//	open        the sale can be bought from, as far as this process knows  awaitStart, answerFromMemory
//	admitted    the shopper and the network may press once more            tooOften
//	placed      Redis gave a place or the shopper has one; or Redis is     reserve
//	            away and this process admits the claim
//	written     the log has the claim, or the ledger is asked directly     writeAndWait, waitResult
//	decided     the ledger has decided the claim                           answerVerdict, events.Standing
type purchase struct {
	*Checkout
	request sale.PurchaseRequest
	entry   *catalogEntry
	sale    sale.Snapshot
	shopper sale.Shopper
	// askedAt is when the request arrived, by Postgres' clock. pressedAt is the same for the ledger: zero if it is not known well.
	askedAt, pressedAt time.Time
	// deadline is when the request has to be answered, by this process's clock.
	deadline time.Time
	// placed is when the request had its place, or knew that Redis gives none; appended when the log had acknowledged its claim or
	// had not done so in time. Both are counted from the press.
	placed, appended time.Duration
	// requestID tells this request's records from those of the shopper's other requests; set with its first claim.
	requestID uuid.UUID
}

// within is d, or what is left of the request's time if that is less.
func (p *purchase) within(d time.Duration) time.Duration { return min(d, time.Until(p.deadline)) }

// early is within for the stages before the claim. They leave claimTime.
func (p *purchase) early(d time.Duration) time.Duration {
	return min(d, time.Until(p.deadline)-claimTime)
}

// buyable is true when the last known state of the sale takes claims at that time.
func (c *Checkout) buyable(e *catalogEntry, now time.Time) bool {
	return e.StatusAt(now) == sale.Active
}

// starting is true when the start has passed and nobody has opened the sale yet.
func (p *purchase) starting() bool {
	return p.sale.State == sale.Scheduled && !p.sale.Now.Before(p.sale.StartsAt)
}

// open is true while the sale can be bought from, as far as this process knows.
func (p *purchase) open() bool { return p.sale.Status() == sale.Active || p.starting() }

// identify finds the shopper, in memory if the name is known there and the request does not say who it is, and answers what depends on the shopper alone.
func (p *purchase) identify(ctx context.Context) (sale.Answer, bool) {
	if p.shopper = p.request.Shopper; p.shopper.ID == 0 {
		var known bool
		if p.shopper, known = p.shoppers.Known(p.request.Name); !known {
			if done, ok := p.findShopper(ctx); ok {
				return done, true
			}
		}
	}
	if !p.shopper.MayPurchase && !p.shopper.Archived {
		return p.answer(sale.NotAuthorized), true
	}
	if r, ok := p.entry.receipts.receipt(p.entry.Key, p.shopper); ok {
		return p.alreadyBought(ctx, r), true
	}
	if p.shopper.Archived && p.open() {
		return p.answerArchived(ctx), true
	}
	return sale.Answer{}, false
}

// answerArchived answers somebody whose account is archived while the sale can be bought from: with the order, or as a name that
// nobody has.
func (p *purchase) answerArchived(ctx context.Context) sale.Answer {
	r, err := p.lookUpReceipt(ctx)
	switch {
	case err != nil:
		return p.unavailable()
	case r.OrderID != uuid.Nil:
		return p.alreadyBought(ctx, r)
	}
	p.shopper = sale.Shopper{}
	return p.answer(sale.UnknownShopper)
}

// findShopper looks a name up that is not known in memory. If nobody can buy and the receipt cache is complete, such a name
// is not an owner's: it gets the sale's own answer without a question.
func (p *purchase) findShopper(ctx context.Context) (sale.Answer, bool) {
	if !p.open() {
		if p.sale.Stale {
			return p.unavailable(), true
		}
		if p.entry.receipts.complete(p.entry.Level.Version) {
			return p.refusedByState(), true
		}
	}
	ctx, cancel := context.WithTimeout(ctx, p.early(lookupTime))
	defer cancel()
	found, ok, err := p.shoppers.Find(ctx, p.request.Name)
	switch {
	case err != nil:
		return p.unavailable(), true
	case !ok && p.open():
		return p.answer(sale.UnknownShopper), true
	case !ok:
		return p.refusedByState(), true
	}
	p.shopper = found
	return sale.Answer{}, false
}

// awaitStart waits until the sale is opened. That takes milliseconds while Postgres answers.
func (p *purchase) awaitStart(ctx context.Context) bool {
	if p.sale.Stale {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, p.early(startTime))
	defer cancel()
	for {
		next := p.catalog.snapshots.Load().replaced
		p.refreshSnapshot()
		if !p.starting() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-next:
		}
	}
}

// refreshSnapshot takes the newest snapshot.
func (p *purchase) refreshSnapshot() {
	if e := p.catalog.find(p.entry.Slug); e != nil {
		p.entry = e
	}
	p.sale = p.catalog.snapshot(p.entry, time.Now())
}

// answerFromMemory answers requests for a sale that cannot be bought from: nearly all of the traffic. Until the receipt cache
// is complete it asks the ledger whether the shopper is an owner; such questions are combined.
func (p *purchase) answerFromMemory(ctx context.Context) (sale.Answer, bool) {
	if p.sale.Status() == sale.Active {
		return sale.Answer{}, false
	}
	if p.sale.Stale {
		return p.unavailable(), true
	}
	if p.entry.receipts.complete(p.entry.Level.Version) {
		// Since identify a receipt may have come into the receipt cache, together with what makes the cache complete.
		if r, ok := p.entry.receipts.receipt(p.entry.Key, p.shopper); ok {
			return p.alreadyBought(ctx, r), true
		}
		return p.refusedByState(), true
	}
	p.requestLoad(p.entry.receipts)
	r, err := p.findReceipt(ctx)
	switch {
	case err != nil:
		return p.unavailable(), true
	case r.OrderID != uuid.Nil:
		return p.alreadyBought(ctx, r), true
	default:
		return p.refusedByState(), true
	}
}

// findReceipt is the shopper's receipt, from memory or from the ledger.
func (p *purchase) findReceipt(ctx context.Context) (sale.Receipt, error) {
	if r, ok := p.entry.receipts.receipt(p.entry.Key, p.shopper); ok {
		return r, nil
	}
	return p.lookUpReceipt(ctx)
}

// lookUpReceipt looks the shopper's order up, and keeps the receipt for the next time.
func (p *purchase) lookUpReceipt(ctx context.Context) (sale.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, p.within(lookupTime))
	defer cancel()
	changes := p.entry.receipts.changes.Load()
	r, err := p.lookup(ctx, p.entry.Key, p.shopper.ID)
	if err == nil && r.OrderID != uuid.Nil {
		p.entry.receipts.addLookedUp(r, changes)
	}
	return r, err
}

// tooOften answers a press beyond the limit of the shopper or of the network. An owner whose receipt is not in memory gets it here
// once a second; whoever presses more often than that waits.
func (p *purchase) tooOften(ctx context.Context) (sale.Answer, bool) {
	if p.presses == nil || !p.request.From.IsValid() {
		return sale.Answer{}, false
	}
	over, wait, ok := p.presses.Take(p.sale.ID, p.sale.Limit, p.shopper.ID, p.request.From)
	if ok {
		return sale.Answer{}, false
	}
	if p.presses.MayLook(p.sale.ID, p.shopper.ID) {
		if r, err := p.lookUpReceipt(ctx); err == nil && r.OrderID != uuid.Nil {
			return p.alreadyBought(ctx, r), true
		}
	}
	a := p.answer(sale.TooOften)
	a.Over, a.RetryAfter = over, wait
	return a, true
}

// reserve asks for a place and goes on with what comes of it.
func (p *purchase) reserve(ctx context.Context) sale.Answer {
	place, err := p.askForPlace(ctx)
	if errors.Is(err, sale.ErrMissing) && p.rebuildPlaces(ctx) {
		place, err = p.askForPlace(ctx)
	}
	p.placed = p.elapsed()
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return p.unavailable()
		case errors.Is(err, sale.ErrTooMany):
			return p.overloaded(ctx)
		}
		return p.claimWithoutPlace(context.WithoutCancel(ctx))
	}
	switch place {
	case Full:
		return p.answerFull(ctx)
	case AlreadyHolder:
		return p.claimAsHolder(context.WithoutCancel(ctx))
	case Reserved:
		p.catalog.markClaimed(p.entry, false)
		return p.claimReserved(context.WithoutCancel(ctx))
	}
	return p.unavailable()
}

// askForPlace asks Redis for a place. If the time runs out, nobody knows whether it was given: the claim finds out. A
// request that has the whole placeTime sets no deadline here, because the reserver bounds itself: a deadline costs an eighth of
// the CPU of the most frequent path.
func (p *purchase) askForPlace(ctx context.Context) (Place, error) {
	if left := p.early(placeTime); left < placeTime {
		short, cancel := context.WithTimeout(ctx, left)
		defer cancel()
		return p.places.Reserve(short, p.entry.Key, p.shopper.ID)
	}
	return p.places.Reserve(ctx, p.entry.Key, p.shopper.ID)
}

// rebuildPlaces has missing places loaded. It is false when that takes longer than this request can wait.
func (p *purchase) rebuildPlaces(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, p.early(rebuildTime))
	defer cancel()
	return p.rebuild.Reconcile(ctx, p.entry.Key) == nil
}

// answerFull is the answer when Redis has no place left. Only the ledger says "sold out".
func (p *purchase) answerFull(ctx context.Context) sale.Answer {
	p.refreshSnapshot()
	if r, ok := p.entry.receipts.receipt(p.entry.Key, p.shopper); ok {
		return p.alreadyBought(ctx, r)
	}
	switch {
	case p.sale.Stale:
		return p.unavailable()
	case p.sale.Status() != sale.Active:
		return p.refusedByState()
	}
	p.catalog.markClaimed(p.entry, true)
	p.sale.AllClaimed = true
	return p.refused(sale.ReasonAllClaimed)
}

func (p *purchase) answer(k sale.Kind) sale.Answer {
	name := p.shopper.Username
	if name == "" {
		name = p.request.Name
	}
	return sale.Answer{Kind: k, Username: name, Sale: p.sale}
}

// unavailable is the answer when there is no verdict and no reason to refuse. It is safe to press again.
func (p *purchase) unavailable() sale.Answer {
	a := p.answer(sale.Unavailable)
	a.RetryAfter = jitter(time.Second, 2*time.Second)
	return a
}

// overloaded is the answer when no more requests or claims may wait. An owner gets the receipt even then.
func (p *purchase) overloaded(ctx context.Context) sale.Answer {
	if r, err := p.findReceipt(ctx); err == nil && r.OrderID != uuid.Nil {
		return p.alreadyBought(ctx, r)
	}
	a := p.answer(sale.Overloaded)
	a.RetryAfter = jitter(2*time.Second, 5*time.Second)
	return a
}

// alreadyBought is the answer to an owner. It looks up the receipt's idempotency key only if the request has one.
func (p *purchase) alreadyBought(ctx context.Context, r sale.Receipt) sale.Answer {
	if p.request.IdempotencyKey != "" && !r.KeyKnown {
		if row, err := p.lookUpReceipt(ctx); err == nil && row.OrderID == r.OrderID {
			r = row
		}
	}
	a := p.answer(sale.AlreadyBought)
	a.Receipt, a.ClaimID = r, r.OrderID
	a.SameKey = p.request.IdempotencyKey != "" && r.IdempotencyKey == sale.IdempotencyKeyID(p.entry.Secret, p.shopper.ID, p.request.IdempotencyKey)
	return a
}

func (p *purchase) refused(reason sale.Reason) sale.Answer {
	a := p.answer(sale.Refused)
	a.Reason = reason
	if reason == sale.ReasonAllClaimed {
		a.RetryAfter = jitter(time.Second, 3*time.Second)
	}
	return a
}

// refusedByState is the sale's own answer while it cannot be bought from.
func (p *purchase) refusedByState() sale.Answer {
	switch p.sale.Status() {
	case sale.Upcoming:
		return p.refused(sale.ReasonNotStarted)
	case sale.Stopped:
		return p.refused(sale.ReasonPaused)
	case sale.SoldOut:
		return p.refused(sale.ReasonSoldOut)
	case sale.Active, sale.Ended:
	}
	return p.refused(sale.ReasonEnded) // an active sale has ended since its snapshot was taken
}

// jitter is a random time between the two, so that requests do not come back all at once.
func jitter(from, to time.Duration) time.Duration { return from + rand.N(to-from) }
