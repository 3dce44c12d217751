package sale

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// Buy takes a press to its answer, which comes within buyTime, three seconds, whatever fails. The answers have an order
// of precedence: who presses, one's own receipt in any state of the sale, the sale's state, then the places. A sale
// that does not exist is Unavailable with a zero Answer.Sale. When ctx ends before a place is reserved the press ends
// with it; afterwards the claim is seen through, since a place must not be held for nothing.
func (c *Checkout) Buy(ctx context.Context, p Press) Answer {
	e := c.catalog.find(p.Slug)
	if e == nil {
		return Answer{Kind: Unavailable, Username: p.Name}
	}
	now := time.Now()
	b := buying{Checkout: c, press: p, entry: e, ends: now.Add(buyTime)}
	b.sale = c.catalog.snapshot(e, now)
	b.pressed = b.sale.Now
	if done, ok := b.identify(ctx); ok {
		return done
	}
	if b.starting() && !b.awaitStart(ctx) {
		return b.unavailable()
	}
	if done, ok := b.fromMemory(ctx); ok {
		return done
	}
	return b.reserve(ctx)
}

// buying is one press on its way.
type buying struct {
	*Checkout
	press   Press
	entry   *catalogEntry
	sale    Snapshot
	shopper Shopper
	// pressed is the time of the press by Postgres' clock.
	pressed time.Time
	// ends is when the press is to be answered, by this process's clock.
	ends time.Time
	// id tells this press's records from those of the shopper's other presses; set with its first claim.
	id uuid.UUID
}

// within is so long, or what is left of the press's time.
func (b *buying) within(d time.Duration) time.Duration { return min(d, time.Until(b.ends)) }

// early is within for what comes before the claim.
func (b *buying) early(d time.Duration) time.Duration {
	return min(d, time.Until(b.ends)-claimTime)
}

// buyable is true when the last known state of the sale takes claims at that time.
func (c *Checkout) buyable(e *catalogEntry, now time.Time) bool {
	return status(e.state, e.endsAt, now, e.level.Total, e.level.Taken) == Active
}

// starting is true when the start has passed and nobody has opened the sale yet.
func (b *buying) starting() bool {
	return b.sale.State == Scheduled && !b.sale.Now.Before(b.sale.StartsAt)
}

// open is true while the sale can be bought from, as far as this process knows.
func (b *buying) open() bool { return b.sale.Status() == Active || b.starting() }

// identify finds the shopper, in memory if the name is known there, and settles what depends on who it is alone.
func (b *buying) identify(ctx context.Context) (Answer, bool) {
	var known bool
	if b.shopper, known = b.shoppers.Known(b.press.Name); !known {
		if done, ok := b.search(ctx); ok {
			return done, true
		}
	}
	if !b.shopper.MayPurchase {
		return b.answer(NotAuthorized), true
	}
	if r, ok := b.entry.receipts.receipt(b.entry.Key, b.shopper); ok {
		return b.already(ctx, r), true
	}
	return Answer{}, false
}

// search asks for a name that is not known. Where nobody can buy and the receipt cache is complete, an unknown name is not an
// owner's, and gets the sale's own answer without a question.
func (b *buying) search(ctx context.Context) (Answer, bool) {
	if !b.open() {
		if b.sale.Stale {
			return b.unavailable(), true
		}
		if b.entry.receipts.complete(b.entry.level.Version) {
			return b.closedAnswer(), true
		}
	}
	ctx, cancel := context.WithTimeout(ctx, b.early(lookupTime))
	defer cancel()
	found, ok, err := b.shoppers.Find(ctx, b.press.Name)
	switch {
	case err != nil:
		return b.unavailable(), true
	case !ok && b.open():
		return b.answer(UnknownShopper), true
	case !ok:
		return b.closedAnswer(), true
	}
	b.shopper = found
	return Answer{}, false
}

// awaitStart waits for the sale to be opened, which is a matter of milliseconds while Postgres answers.
func (b *buying) awaitStart(ctx context.Context) bool {
	if b.sale.Stale {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, b.early(startTime))
	defer cancel()
	for {
		next := b.catalog.snapshots.Load().replaced
		b.refreshSnapshot()
		if !b.starting() {
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
func (b *buying) refreshSnapshot() {
	if e := b.catalog.find(b.entry.slug); e != nil {
		b.entry = e
	}
	b.sale = b.catalog.snapshot(b.entry, time.Now())
}

// fromMemory settles presses on a sale that cannot be bought from: nearly all of the traffic. Only until the receipt cache
// is whole does it ask, one question for everybody, whether the shopper is an owner.
func (b *buying) fromMemory(ctx context.Context) (Answer, bool) {
	if b.sale.Status() == Active {
		return Answer{}, false
	}
	if b.sale.Stale {
		return b.unavailable(), true
	}
	if b.entry.receipts.complete(b.entry.level.Version) {
		// A receipt may have come into the receipt cache since identify looked, together with what makes it complete.
		if r, ok := b.entry.receipts.receipt(b.entry.Key, b.shopper); ok {
			return b.already(ctx, r), true
		}
		return b.closedAnswer(), true
	}
	b.requestLoad(b.entry.receipts)
	r, err := b.find(ctx)
	switch {
	case err != nil:
		return b.unavailable(), true
	case r.OrderID != uuid.Nil:
		return b.already(ctx, r), true
	default:
		return b.closedAnswer(), true
	}
}

// find looks the shopper's receipt up.
func (b *buying) find(ctx context.Context) (Receipt, error) {
	if r, ok := b.entry.receipts.receipt(b.entry.Key, b.shopper); ok {
		return r, nil
	}
	return b.findRow(ctx)
}

// findRow looks the shopper's order up, and keeps the receipt for the next time.
func (b *buying) findRow(ctx context.Context) (Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, b.within(lookupTime))
	defer cancel()
	changes := b.entry.receipts.changes.Load()
	r, err := b.lookup(ctx, b.entry.Key, b.shopper.ID)
	if err == nil && r.OrderID != uuid.Nil {
		b.entry.receipts.addLookedUp(r, changes)
	}
	return r, err
}

// reserve asks for a place and goes on with what comes of it.
func (b *buying) reserve(ctx context.Context) Answer {
	place, err := b.place(ctx)
	if errors.Is(err, ErrMissing) && b.loaded(ctx) {
		place, err = b.place(ctx)
	}
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return b.unavailable()
		case errors.Is(err, ErrCrowded):
			return b.overloaded(ctx)
		}
		return b.withoutPlace(context.WithoutCancel(ctx))
	}
	switch place {
	case Full:
		return b.full(ctx)
	case Held:
		return b.held(context.WithoutCancel(ctx))
	case Reserved:
		b.catalog.markClaimed(b.entry, false)
		return b.reserved(context.WithoutCancel(ctx))
	}
	return b.unavailable()
}

// place asks for one. Whether it was given is not known when the time is over: then the claim settles it.
func (b *buying) place(ctx context.Context) (Place, error) {
	ctx, cancel := context.WithTimeout(ctx, b.early(placeTime))
	defer cancel()
	return b.places.Reserve(ctx, b.entry.Key, b.shopper.ID)
}

// loaded has missing places loaded, and is false when that takes longer than this press can wait.
func (b *buying) loaded(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, b.early(rebuildTime))
	defer cancel()
	return b.rebuild.Reconcile(ctx, b.entry.Key) == nil
}

// full is the answer when Redis has no place left. Only the ledger says "sold out".
func (b *buying) full(ctx context.Context) Answer {
	b.refreshSnapshot()
	if r, ok := b.entry.receipts.receipt(b.entry.Key, b.shopper); ok {
		return b.already(ctx, r)
	}
	switch {
	case b.sale.Stale:
		return b.unavailable()
	case b.sale.Status() != Active:
		return b.closedAnswer()
	}
	b.catalog.markClaimed(b.entry, true)
	b.sale.AllClaimed = true
	return b.refused(ReasonAllClaimed)
}

func (b *buying) answer(k Kind) Answer {
	name := b.shopper.Username
	if name == "" {
		name = b.press.Name
	}
	return Answer{Kind: k, Username: name, Sale: b.sale}
}

// unavailable is the answer when nobody can say. It is safe to press again.
func (b *buying) unavailable() Answer {
	a := b.answer(Unavailable)
	a.RetryAfter = jitter(time.Second, 2*time.Second)
	return a
}

// overloaded is the answer when more are inside than there is room for. An owner finds the receipt even then.
func (b *buying) overloaded(ctx context.Context) Answer {
	if r, err := b.find(ctx); err == nil && r.OrderID != uuid.Nil {
		return b.already(ctx, r)
	}
	a := b.answer(Overloaded)
	a.RetryAfter = jitter(2*time.Second, 5*time.Second)
	return a
}

// already is the answer to an owner. Whether it was this very press, sent twice, is asked only where it matters.
func (b *buying) already(ctx context.Context, r Receipt) Answer {
	if b.press.Key != "" && !r.keyed {
		if row, err := b.findRow(ctx); err == nil && row.OrderID == r.OrderID {
			r = row
		}
	}
	a := b.answer(AlreadyBought)
	a.Receipt, a.ClaimID = r, r.OrderID
	a.SameKey = b.press.Key != "" && r.pressKey == pressKeyOf(b.entry.secret, b.shopper.ID, b.press.Key)
	return a
}

func (b *buying) refused(reason Reason) Answer {
	a := b.answer(Refused)
	a.Reason = reason
	if reason == ReasonAllClaimed {
		a.RetryAfter = jitter(time.Second, 3*time.Second)
	}
	return a
}

// closedAnswer is the sale's own answer while it cannot be bought from.
func (b *buying) closedAnswer() Answer {
	switch b.sale.Status() {
	case Upcoming:
		return b.refused(ReasonNotStarted)
	case Stopped:
		return b.refused(ReasonPaused)
	case SoldOut:
		return b.refused(ReasonSoldOut)
	case Active, Ended:
	}
	return b.refused(ReasonEnded) // an active one has ended since it was looked at
}

// jitter spreads the presses that come back.
func jitter(from, to time.Duration) time.Duration { return from + rand.N(to-from) }
