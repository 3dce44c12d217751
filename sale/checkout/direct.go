package checkout

import (
	"context"
	"sync/atomic"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

const (
	// quietClaims is how many claims may be pending in a process that is quiet and alone. With 16 connections more was sold a second
	// this way than through the log, with 64 as much.
	quietClaims = 32
	// quietOfTwo is the same beside one other process, and beside more no process is quiet: the transactions of several processes wait for
	// each other at the stock row, while through the log one transaction decides the claims of all. Four processes sold half as much
	// with 16 connections.
	quietOfTwo = 4
	// quietAfter is for how long no more of them were pending before. After each verdict of a crowd few claims are pending for a moment.
	quietAfter = 100 * time.Millisecond
	// atOnceUntil is how long before the end of a sale claims are decided through the log only: there a claim counts when it comes
	// before the close record, and directly only until the sale is closing.
	atOnceUntil = 2 * time.Second
)

// quietPath decides claims at once: while few claims are pending, a purchase has its claim written to the log and decided directly at
// the same time, so that the shopper waits for the longer of the two and not for one after the other. The answer still waits for
// both. The verdict is the same as on the direct path: the claim has one for ever, by whichever way decides first, and the log's copy
// meets it and changes nothing.
type quietPath struct {
	due  chan dueAtOnce // has no room: a claim goes to a worker that is free, or through the log alone
	busy atomic.Int64   // when more claims were pending last than in a quiet process, in nanoseconds of Unix; 0: never
}

// dueAtOnce is a claim to decide, with what its request's context says for traces.
type dueAtOnce struct {
	ctx   context.Context
	claim events.Claim
}

// decideAtOnce gives the claim to a worker that decides it directly, if the process is quiet and one is free, and says whether it
// did. The verdict is delivered like that of the log.
func (p *purchase) decideAtOnce(ctx context.Context, claim events.Claim, role claimRole) bool {
	if p.direct == nil || role != leader || p.request.Async || !p.quiet(time.Now()) || p.endsSoon() {
		return false
	}
	select {
	case p.atOnce.due <- dueAtOnce{context.WithoutCancel(ctx), claim}:
		p.metrics.atOnce.Inc()
		return true
	default:
		return false
	}
}

// endsSoon is true when the sale may be closing before a direct decision is committed.
func (p *purchase) endsSoon() bool {
	return p.sale.State != sale.Open || p.sale.EndsAt.Sub(p.askedAt) < atOnceUntil
}

// decideAtOnceAll decides the claims that are due, one after the other, until ctx ends. A failure needs no care: the log has the
// claim, and whoever waits for it does what is done without a direct decision.
func (c *Checkout) decideAtOnceAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case due := <-c.atOnce.due:
			call, cancel := context.WithTimeout(due.ctx, directTime)
			if _, err := c.direct.Decide(call, due.claim); err != nil {
				c.logger.Debug("a claim is left to the log", "claim", due.claim.ID, "error", err)
			}
			cancel()
		}
	}
}

// quiet is true when few claims are pending now and were a moment ago. Between two batches of a crowd a transaction for one claim would
// hold the stock row that the next batch needs, and be told to the other processes in a message of its own.
func (c *Checkout) quiet(now time.Time) bool {
	if c.pending.count.Load() > quietWith(c.live()) {
		c.atOnce.busy.Store(now.UnixNano())
		return false
	}
	return now.UnixNano()-c.atOnce.busy.Load() >= int64(quietAfter)
}

// quietWith is how many claims may be pending in a quiet process when so many processes are known.
func quietWith(live int) int64 {
	switch {
	case live <= 1:
		return quietClaims
	case live == 2:
		return quietOfTwo
	}
	return 0
}

// decideDirectly takes the direct path. A verdict that comes another way meanwhile counts as well. Without a direct path it is waited
// for: the log may have the claim although it did not say so, and may be read again.
func (p *purchase) decideDirectly(ctx context.Context, claim events.Claim, w *pendingClaim, most time.Duration) (events.Verdict, waitResult) {
	if v, how := deliveredVerdict(w, claimUnknown); how == claimDecided {
		return v, how
	}
	if p.direct == nil {
		p.waitForVerdict(w, p.within(most))
		return deliveredVerdict(w, claimUnknown)
	}
	ctx, cancel := context.WithTimeout(ctx, p.within(most))
	defer cancel()
	v, err := p.direct.Decide(ctx, claim)
	if err != nil {
		return deliveredVerdict(w, claimUnknown)
	}
	return v, claimDecided
}
