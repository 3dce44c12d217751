package checkout

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// claimRole says what a purchase request is to the claim of its shopper, which it may share with other requests.
type claimRole byte

const (
	// follower: another request of the shopper took the place. This one writes the claim only when this process has not
	// written it for resendEvery.
	follower claimRole = iota
	// leader: this request took the place, or is the first that was admitted without one. It always writes the claim.
	leader
)

// claimReserved goes on with a place that this request took.
func (p *purchase) claimReserved(ctx context.Context) sale.Answer {
	claim := p.newClaim(p.attempts.of(p.shopperKey()))
	w := p.pending.join(claim.ID, p.entry.Key)
	return p.awaitAnswer(ctx, claim, w, leader)
}

// claimAsHolder goes on with a place that the shopper has from another request. That request may have ended, or be under
// way here or in another process. So there is a receipt, or the claim is awaited and sometimes written again.
func (p *purchase) claimAsHolder(ctx context.Context) sale.Answer {
	claim := p.newClaim(p.attempts.of(p.shopperKey()))
	// The wait begins before the receipt is looked up, so that a verdict between the two is not missed.
	w := p.pending.join(claim.ID, p.entry.Key)
	if r, err := p.findReceipt(ctx); err == nil && r.OrderID != uuid.Nil {
		p.pending.leave(w)
		return p.alreadyBought(ctx, r)
	}
	return p.awaitAnswer(ctx, claim, w, follower)
}

// claimWithoutPlace goes on while Redis is away: each process admits its share of the units that are left, and the ledger
// decides.
func (p *purchase) claimWithoutPlace(ctx context.Context) sale.Answer {
	claim := p.newClaim(p.attempts.of(p.shopperKey()))
	left, processes := int(p.sale.Left()), max(1, p.live())
	w, first := p.pending.admit(claim.ID, p.entry.Key, max(1, (left+processes-1)/processes))
	switch {
	case w == nil:
		return p.overloaded(ctx)
	case first:
		return p.awaitAnswer(ctx, claim, w, leader)
	default:
		return p.awaitAnswer(ctx, claim, w, follower)
	}
}

func (p *purchase) shopperKey() sale.ShopperKey {
	return sale.ShopperKey{Key: p.entry.Key, User: p.shopper.ID}
}

func (p *purchase) newClaim(attempt int) events.Claim {
	e := p.entry
	if p.requestID == uuid.Nil {
		p.requestID = newRequestID()
	}
	return events.Claim{
		V: events.ClaimVersion, Kind: events.KindClaim, ID: sale.ClaimID(e.Secret, e.Generation, p.shopper.ID, attempt),
		SaleID: e.Sale, Generation: e.Generation, Ledger: e.Ledger, UserID: p.shopper.ID, Username: p.shopper.Username, Attempt: attempt,
		IdempotencyKey: sale.IdempotencyKeyID(e.Secret, p.shopper.ID, p.request.IdempotencyKey), RequestID: p.requestID,
		Traceparent: p.request.Traceparent, PressedAt: p.pressedAt,
	}
}

// newRequestID is a random UUIDv4. uuid.New makes the same, but on the heap.
func newRequestID() (id uuid.UUID) {
	rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// awaitAnswer takes a claim to the answer. If the verdict is from before this request and names a next attempt, that one is
// claimed once.
func (p *purchase) awaitAnswer(ctx context.Context, claim events.Claim, w *pendingClaim, role claimRole) sale.Answer {
	// cacheReceipts stores the receipt before deliver removes the pending claim: a request that misses the pending claim
	// finds the receipt here.
	if r, ok := p.entry.receipts.receipt(p.entry.Key, p.shopper); ok {
		p.pending.leave(w)
		return p.alreadyBought(ctx, r)
	}
	verdict, how := p.awaitVerdict(ctx, claim, w, role)
	if how == claimDecided && p.decidedBefore(&verdict) && verdict.NextAttempt > 0 {
		p.attempts.remember(p.shopperKey(), verdict.NextAttempt)
		claim = p.newClaim(verdict.NextAttempt)
		w = p.pending.join(claim.ID, p.entry.Key)
		verdict, how = p.awaitVerdict(ctx, claim, w, role)
	}
	p.refreshSnapshot()
	var a sale.Answer
	switch how {
	case claimDecided:
		a = p.answerVerdict(ctx, &verdict, role)
	case claimAcknowledged:
		p.pendingAnswers.note(claim.ID, time.Now())
		p.noteTold(w, &claim)
		a = p.answer(sale.Pending)
		a.ClaimID, a.Position = claim.ID, w.position.Load()
	case claimUnknown:
		a = p.unavailable()
		a.ClaimID = claim.ID
	}
	if role == leader {
		p.observeStages(w, how)
	}
	return a
}

// awaitVerdict waits for the verdict on a claim and ends the wait. A verdict that was delivered was true when it was
// decided; if that was before this request, the verdict is looked up once more.
func (p *purchase) awaitVerdict(ctx context.Context, claim events.Claim, w *pendingClaim, role claimRole) (events.Verdict, waitResult) {
	defer p.pending.leave(w)
	p.pending.describe(w, &claim)
	v, how := p.writeAndWait(ctx, claim, w, role)
	if p.waited != nil {
		p.waited(ctx, how.String())
	}
	if _, delivered := deliveredVerdict(w, claimUnknown); how != claimDecided || delivered != claimDecided || !p.decidedBefore(&v) {
		return v, how
	}
	ctx, cancel := context.WithTimeout(ctx, p.within(lookupTime))
	defer cancel()
	latest, found, err := p.verdictOf(ctx, claim.ID)
	switch {
	case err == nil && found:
		return latest, claimDecided
	case w.position.Load() != nil:
		return events.Verdict{}, claimAcknowledged
	default:
		return events.Verdict{}, claimUnknown
	}
}

// decidedBefore is true for a verdict from before this request, by more than the uncertainty about Postgres' clock. A
// verdict on the request's own record never is.
func (p *purchase) decidedBefore(v *events.Verdict) bool {
	return v.RequestID != p.requestID && v.At.Before(p.askedAt.Add(-p.catalog.clock.uncertainty(time.Now())))
}

// ownRecord is true when the record that was decided is this request's own. The version before keeps no request ids: the
// request that has the place takes its verdicts, as it did in that version.
func (p *purchase) ownRecord(v *events.Verdict, role claimRole) bool {
	if v.RequestID == uuid.Nil {
		return role == leader && v.Fresh && !p.decidedBefore(v)
	}
	return v.RequestID == p.requestID
}

// answerVerdict turns a verdict into the answer.
func (p *purchase) answerVerdict(ctx context.Context, v *events.Verdict, role claimRole) sale.Answer {
	switch v.Standing() {
	case events.OrderStands:
		if !p.ownRecord(v, role) {
			return p.alreadyBought(ctx, sale.ReceiptOf(v))
		}
		a := p.answer(sale.Bought)
		a.Receipt, a.ClaimID = sale.ReceiptOf(v), v.ClaimID
		return a
	case events.OrderCancelled:
		return p.unavailable() // bought and cancelled while the request waited
	case events.OtherOrderStands:
		return p.answerOwner(ctx)
	case events.NoOrder:
	}
	if v.Reason == events.ReasonUndecidable {
		return p.unavailable()
	}
	p.logUnknownReason(v)
	a := p.refused(v.Reason)
	a.ClaimID = v.ClaimID
	return a
}

// logUnknownReason logs, the first time, that a newer version declines for a reason that this version does not know.
func (c *Checkout) logUnknownReason(v *events.Verdict) {
	if v.Reason == events.ReasonOther && !c.reasonLogged.Swap(true) {
		c.logger.Warn("a claim was declined for a reason that this version does not know; its shopper is told a general one",
			"claim", v.ClaimID, "sale", v.SaleID)
	}
}

// answerOwner is the answer to a shopper who has an order.
func (p *purchase) answerOwner(ctx context.Context) sale.Answer {
	r, err := p.findReceipt(ctx)
	if err != nil || r.OrderID == uuid.Nil {
		return p.unavailable()
	}
	return p.alreadyBought(ctx, r)
}

// waitResult is how the wait for a verdict ended.
type waitResult int

const (
	// claimUnknown: there is no verdict, and the log has not acknowledged the claim.
	claimUnknown waitResult = iota
	// claimAcknowledged: the log has the claim, and there is no verdict yet.
	claimAcknowledged
	// claimDecided: there is a verdict.
	claimDecided
)

// String names the result for whoever watches.
func (r waitResult) String() string {
	switch r {
	case claimAcknowledged:
		return "acknowledged"
	case claimDecided:
		return "decided"
	case claimUnknown:
	}
	return "unknown"
}

// writeAndWait writes the claim and waits for its verdict: through the log, directly beside it while the process is quiet, and
// directly if the log makes no progress.
func (p *purchase) writeAndWait(ctx context.Context, claim events.Claim, w *pendingClaim, role claimRole) (events.Verdict, waitResult) {
	claim.Beside = p.decideAtOnce(ctx, claim, role)
	wrote := p.writeClaim(ctx, claim, w, role)
	p.appended = p.elapsed()
	acked := w.position.Load() != nil
	if p.request.Async && acked {
		w.answeredEarly.Store(true)
		return deliveredVerdict(w, claimAcknowledged)
	}
	if wrote && !acked {
		return p.decideDirectly(ctx, claim, w, directTime)
	}
	// The request that wrote the claim may not wait for it, so another one may have to check the log.
	checks := w.logChecked.CompareAndSwap(false, true) || wrote
	if p.waitForVerdict(w, p.within(idleTime)) {
		return w.verdict, claimDecided
	}
	rest := verdictTime - idleTime
	// If less time is left than the question may take, there is no time for the direct path either.
	if at := w.position.Load(); checks && at != nil && p.within(verdictTime) > appendTime {
		began := time.Now()
		if p.progress.stalled(ctx, at.Partition, at.Offset, p.catalog.clock.now(began)) {
			if v, how := p.decideDirectly(ctx, claim, w, rest); how == claimDecided {
				return v, how
			}
		}
		rest -= time.Since(began)
	}
	if p.waitForVerdict(w, p.within(rest)) {
		return w.verdict, claimDecided
	}
	if w.position.Load() != nil {
		return events.Verdict{}, claimAcknowledged
	}
	return events.Verdict{}, claimUnknown
}

// writeClaim writes the claim to the log and says whether it did. A follower does not while this process wrote the claim
// less than resendEvery ago.
func (p *purchase) writeClaim(ctx context.Context, claim events.Claim, w *pendingClaim, role claimRole) bool {
	now, last := w.writtenNow(), w.writtenAt.Load()
	if role == follower && last != 0 && now-last < int64(resendEvery) {
		return false
	}
	if !w.writtenAt.CompareAndSwap(last, now) && role == follower {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, p.within(appendTime))
	defer cancel()
	if at, err := p.log.Append(ctx, p.entry.Partition, claim); err == nil {
		w.position.Store(&at)
	}
	return true
}

// deliveredVerdict is the verdict if it was delivered, else the result given.
func deliveredVerdict(w *pendingClaim, otherwise waitResult) (events.Verdict, waitResult) {
	select {
	case <-w.done:
		return w.verdict, claimDecided
	default:
		return events.Verdict{}, otherwise
	}
}

// waitForVerdict is true when the verdict came in that time.
func (c *Checkout) waitForVerdict(w *pendingClaim, d time.Duration) bool {
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
		_, how := deliveredVerdict(w, claimUnknown)
		return how == claimDecided
	}
}
