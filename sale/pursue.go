package sale

import (
	"context"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

// reserved goes on with a place that nobody of the shopper's had.
func (b *buying) reserved(ctx context.Context) Answer {
	claim := b.claim(b.attempts.of(b.who()))
	w := b.waiters.join(claim.ID, b.entry.Key)
	return b.pursue(ctx, claim, w, true)
}

// held goes on with a place that the shopper has from another press. That press may be over, on another process,
// or still on its way: either there is a receipt, or the claim is waited for, and written again now and then.
func (b *buying) held(ctx context.Context) Answer {
	claim := b.claim(b.attempts.of(b.who()))
	// On the books before the look, so that a verdict between the two is not missed.
	w := b.waiters.join(claim.ID, b.entry.Key)
	if r, err := b.find(ctx); err == nil && r.OrderID != uuid.Nil {
		b.waiters.leave(w)
		return b.already(ctx, r)
	}
	return b.pursue(ctx, claim, w, false)
}

// withoutPlace goes on while Redis is away: each process lets in its share of what is left, the ledger decides.
func (b *buying) withoutPlace(ctx context.Context) Answer {
	claim := b.claim(b.attempts.of(b.who()))
	left, processes := int(b.sale.Left()), max(1, b.live())
	w, first := b.waiters.admit(claim.ID, b.entry.Key, max(1, (left+processes-1)/processes))
	if w == nil {
		return b.overloaded(ctx)
	}
	return b.pursue(ctx, claim, w, first)
}

func (b *buying) who() shopperKey { return shopperKey{b.entry.Key, b.shopper.ID} }

func (b *buying) claim(attempt int) events.Claim {
	e := b.entry
	if b.id == uuid.Nil {
		b.id = pressID()
	}
	return events.Claim{
		V: events.ClaimVersion, Kind: events.KindClaim, ID: ClaimID(e.secret, e.Generation, b.shopper.ID, attempt),
		SaleID: e.Sale, Generation: e.Generation, UserID: b.shopper.ID, Username: b.shopper.Username, Attempt: attempt,
		PressKey: pressKeyOf(e.secret, b.shopper.ID, b.press.Key), Press: b.id, Traceparent: b.press.Traceparent, PressedAt: b.pressed,
	}
}

// pursue sees a claim through to the answer. An old decline is answered once with the attempt that comes next.
func (b *buying) pursue(ctx context.Context, claim events.Claim, w *waiter, own bool) Answer {
	// A receipt is in the receipt cache before its claim leaves the books of those who wait. So whoever comes too late to share
	// the wait sees it here.
	if r, ok := b.entry.receipts.receipt(b.entry.Key, b.shopper); ok {
		b.waiters.leave(w)
		return b.already(ctx, r)
	}
	verdict, how := b.verdictOn(ctx, claim, w, own)
	if how == decided && b.old(&verdict) && verdict.NextAttempt > 0 {
		b.attempts.remember(b.who(), verdict.NextAttempt)
		claim = b.claim(verdict.NextAttempt)
		w = b.waiters.join(claim.ID, b.entry.Key)
		verdict, how = b.verdictOn(ctx, claim, w, own)
	}
	b.refreshSnapshot()
	switch how {
	case decided:
		return b.settle(ctx, &verdict, own)
	case acknowledged:
		b.pendings.note(claim.ID, time.Now())
		a := b.answer(Pending)
		a.ClaimID, a.Position = claim.ID, w.position.Load()
		return a
	case unknown:
	}
	a := b.unavailable()
	a.ClaimID = claim.ID
	return a
}

// verdictOn waits for the verdict on a claim and ends the wait. What was delivered was true when it was decided; when
// that was before this press, it is looked up once more.
func (b *buying) verdictOn(ctx context.Context, claim events.Claim, w *waiter, own bool) (events.Verdict, result) {
	defer b.waiters.leave(w)
	v, how := b.await(ctx, claim, w, own)
	if _, delivered := ready(w, unknown); how != decided || delivered != decided || !b.old(&v) {
		return v, how
	}
	ctx, cancel := context.WithTimeout(ctx, b.within(lookupTime))
	defer cancel()
	latest, found, err := b.verdictOf(ctx, claim.ID)
	switch {
	case err == nil && found:
		return latest, decided
	case w.position.Load() != nil:
		return events.Verdict{}, acknowledged
	default:
		return events.Verdict{}, unknown
	}
}

// old is true for a verdict from before this press, with room for the doubt about Postgres' clock. One on its own
// record never is.
func (b *buying) old(v *events.Verdict) bool {
	return v.Press != b.id && v.At.Before(b.pressed.Add(-b.catalog.clock.doubt()))
}

// mine is true when the record that was decided is this press's own. The version before keeps no presses: what it
// decides is taken by the press that has the place, as it was then.
func (b *buying) mine(v *events.Verdict, own bool) bool {
	if v.Press == uuid.Nil {
		return own && v.Fresh && !b.old(v)
	}
	return v.Press == b.id
}

// settle turns a verdict into the answer.
func (b *buying) settle(ctx context.Context, v *events.Verdict, own bool) Answer {
	switch {
	case v.Outcome == events.Ordered && v.NextAttempt == 0 && v.OrderID == uuid.Nil:
		if !b.mine(v, own) {
			return b.already(ctx, receiptOf(v))
		}
		a := b.answer(Bought)
		a.Receipt, a.ClaimID = receiptOf(v), v.ClaimID
		return a
	case v.Outcome == events.Ordered && v.OrderID == uuid.Nil:
		return b.unavailable() // bought and cancelled while the press waited
	case v.Reason == events.ReasonAlreadyOwns || v.OrderID != uuid.Nil:
		return b.owner(ctx)
	case v.Reason == events.ReasonUndecidable:
		return b.unavailable()
	default:
		b.unfamiliar(v)
		a := b.refused(v.Reason)
		a.ClaimID = v.ClaimID
		return a
	}
}

// unfamiliar logs, the first time, that a newer version declines for a reason that this one cannot tell.
func (c *Checkout) unfamiliar(v *events.Verdict) {
	if v.Reason == events.ReasonOther && !c.puzzled.Swap(true) {
		c.logger.Warn("a claim was declined for a reason that this version does not know; its shopper is told a general one",
			"claim", v.ClaimID, "sale", v.SaleID)
	}
}

// owner is the answer to somebody who has an order.
func (b *buying) owner(ctx context.Context) Answer {
	r, err := b.find(ctx)
	if err != nil || r.OrderID == uuid.Nil {
		return b.unavailable()
	}
	return b.already(ctx, r)
}

// result is how the wait for a verdict ended.
type result int

const (
	unknown result = iota
	acknowledged
	decided
)

// await writes the claim and waits for its verdict: by the log, and where that does not get on, directly.
func (b *buying) await(ctx context.Context, claim events.Claim, w *waiter, own bool) (events.Verdict, result) {
	sender := b.send(ctx, claim, w, own)
	acked := w.position.Load() != nil
	if b.press.Async && acked {
		w.unawaited.Store(true)
		return ready(w, acknowledged)
	}
	if sender && !acked {
		return b.decideNow(ctx, claim, w, directTime)
	}
	// Who wrote it may not have waited.
	sees := w.seen.CompareAndSwap(false, true) || sender
	if b.wait(w, b.within(idleTime)) {
		return w.verdict, decided
	}
	rest := verdictTime - idleTime
	// Where less is left than a question may take, there is no time for what would come of it either.
	if at := w.position.Load(); sees && at != nil && b.within(verdictTime) > appendTime {
		began := time.Now()
		if b.progress.stalled(ctx, at.Partition, at.Offset, b.catalog.clock.now(began)) {
			if v, how := b.decideNow(ctx, claim, w, rest); how == decided {
				return v, how
			}
		}
		rest -= time.Since(began)
	}
	if b.wait(w, b.within(rest)) {
		return w.verdict, decided
	}
	if w.position.Load() != nil {
		return events.Verdict{}, acknowledged
	}
	return events.Verdict{}, unknown
}

// send writes the claim to the log, if it is this press's own or nobody here has for a second, and says whether
// it did.
func (b *buying) send(ctx context.Context, claim events.Claim, w *waiter, own bool) bool {
	now, last := w.sentNow(), w.sent.Load()
	if !own && last != 0 && now-last < int64(resendEvery) {
		return false
	}
	if !w.sent.CompareAndSwap(last, now) && !own {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, b.within(appendTime))
	defer cancel()
	if at, err := b.log.Append(ctx, b.entry.partition, claim); err == nil {
		w.position.Store(&at)
	}
	return true
}

// decideNow takes the direct path. A verdict that comes by another path meanwhile is as good.
func (b *buying) decideNow(ctx context.Context, claim events.Claim, w *waiter, most time.Duration) (events.Verdict, result) {
	if v, how := ready(w, unknown); how == decided {
		return v, how
	}
	ctx, cancel := context.WithTimeout(ctx, b.within(most))
	defer cancel()
	v, err := b.direct.Decide(ctx, claim)
	if err != nil {
		return ready(w, unknown)
	}
	return v, decided
}

// ready is the verdict if it is there, else the result given.
func ready(w *waiter, otherwise result) (events.Verdict, result) {
	select {
	case <-w.done:
		return w.verdict, decided
	default:
		return events.Verdict{}, otherwise
	}
}

// wait is true when the verdict came in that time.
func (c *Checkout) wait(w *waiter, d time.Duration) bool {
	t, ok := c.timers.Get().(*time.Timer)
	if ok {
		t.Reset(d)
	} else {
		t = time.NewTimer(d)
	}
	defer func() { t.Stop(); c.timers.Put(t) }()
	select {
	case <-w.done:
		return true
	case <-t.C:
		_, how := ready(w, unknown)
		return how == decided
	}
}
