package checkout

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
	"flashsale/sale"
)

const (
	releaseQueue = 4_096
	releaseBatch = 512
	releaseTime  = time.Second
	// lookUpAfter is how long a request waits before its verdict is looked up, and how often that is done.
	lookUpAfter = 50 * time.Millisecond
	lookUpMost  = 10_000
	// catchUpTime is how long requests whose verdicts were looked up wait for the figures that belong to them.
	catchUpTime = 200 * time.Millisecond
	loadTime    = time.Minute
)

// release is a place to give back.
type release struct {
	key  sale.Key
	user int64
}

// Decided takes in what a transaction decided, after its commit: the catalog shows it, requests that wait are woken, the
// places of declined claims are given back, and the other processes are told. It does not block.
func (c *Checkout) Decided(d events.Decision) {
	c.apply(d, c.metrics.decided)
	// gofail: var shoppersWoken struct{}
	for i := range d.Verdicts {
		v := &d.Verdicts[i]
		if v.Fresh && v.Outcome == events.Declined && v.Reason != events.ReasonAlreadyOwns {
			c.queueRelease(release{sale.Key{Sale: v.SaleID, Generation: v.Generation}, v.UserID})
		}
	}
	if len(d.Closed) > 0 || isReread(d) {
		c.catalog.refreshSoon()
	}
	c.announce(d)
	// gofail: var verdictsTold struct{}
}

// isReread is true for verdicts that were read again after a commit whose reply was lost: they come without stocks.
func isReread(d events.Decision) bool {
	return len(d.Stocks) == 0 && slices.ContainsFunc(d.Verdicts, func(v events.Verdict) bool {
		return v.Outcome == events.Ordered
	})
}

// apply brings the process up to date with a decision, its own or another's. The catalog comes first: an answer shows
// the sale as its own verdict left it. woken counts the claims that were waited for.
func (c *Checkout) apply(d events.Decision, woken prometheus.Counter) {
	c.cacheReceipts(d.Verdicts, d.Stocks)
	c.catalog.applyStocks(d.Stocks)
	for i := range d.Verdicts {
		v := &d.Verdicts[i]
		who := sale.ShopperKey{Key: sale.Key{Sale: v.SaleID, Generation: v.Generation}, User: v.UserID}
		switch {
		case v.NextAttempt > 0:
			c.attempts.remember(who, v.NextAttempt)
		case v.Outcome == events.Declined && v.Reason != events.ReasonAlreadyOwns:
			c.attempts.remember(who, v.Attempt+1)
		}
		if c.deliver(v, d.Moments) {
			woken.Inc()
		}
	}
}

// deliver wakes the requests that wait for a verdict, and is true if there were any. Later questions for the claim are
// answered from the ledger.
func (c *Checkout) deliver(v *events.Verdict, moments *events.Moments) bool {
	c.pendingAnswers.forget(v.ClaimID)
	c.told.forget(v.ClaimID)
	return c.pending.deliver(v, moments)
}

// cacheReceipts adds live orders to the receipt caches of their sales. If stocks are given, verdicts are all that the commit has made.
func (c *Checkout) cacheReceipts(verdicts []events.Verdict, stocks []events.Stock) {
	snapshots := c.catalog.snapshots.Load()
	orders := make(map[*receiptCache][]sale.OrderRow, 1)
	for i := range verdicts {
		v := &verdicts[i]
		e := snapshots.byID[v.SaleID]
		if e == nil || e.Generation != v.Generation {
			continue
		}
		if v.Standing() == events.OrderStands {
			if orders[e.receipts] == nil {
				orders[e.receipts] = make([]sale.OrderRow, 0, len(verdicts)-i) // nearly always all verdicts are of one sale
			}
			orders[e.receipts] = append(orders[e.receipts], sale.OrderRow{Receipt: sale.ReceiptOf(v), Revision: v.Revision, Live: true})
		}
	}
	for _, l := range stocks {
		if e := snapshots.byID[l.SaleID]; e != nil && e.Generation == l.Generation {
			e.receipts.addCommit(orders[e.receipts], l.Version, l.Taken)
			delete(orders, e.receipts)
		}
	}
	for c, announced := range orders {
		c.add(announced)
	}
}

func (c *Checkout) queueRelease(r release) {
	select {
	case c.releases <- r:
	default:
		c.metrics.unplaced.Inc()
	}
}

// announce sends the decision to the other processes, if there are any.
func (c *Checkout) announce(d events.Decision) {
	nothing := len(d.Verdicts)+len(d.Stocks)+len(d.Closed) == 0
	if nothing || c.live() < 2 {
		return
	}
	c.bus.Publish(verdictsChannel, &d)
}

// receive takes in what another process decided. What cannot be read or believed is left to the next read.
func (c *Checkout) receive(d events.Decision, err error) {
	if err != nil {
		c.metrics.unread.Inc()
		c.logger.Debug("a message from another process is passed over", "error", err)
		return
	}
	c.apply(d, c.metrics.told)
	if len(d.Closed) > 0 || isReread(d) {
		c.catalog.refreshSoon()
	}
}

// Run does what no request waits for, until ctx ends: it looks up late verdicts, gives places back, and loads the receipts
// of sales that cannot be bought from. It also decides claims at once while the process is quiet.
func (c *Checkout) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { c.releasePlaces(ctx) })
	parts.Go(func() { c.runReceiptLoader(ctx) })
	for range quietClaims {
		parts.Go(func() { c.decideAtOnceAll(ctx) })
	}
	c.lookUpVerdicts(ctx)
	parts.Wait()
	return nil
}

// lookUpVerdicts asks the ledger, with one question for everybody, about claims that have waited for a while.
func (c *Checkout) lookUpVerdicts(ctx context.Context) {
	ticks := time.NewTicker(lookUpAfter)
	defer ticks.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		ids := c.pending.overdue(time.Now(), lookUpAfter, lookUpMost, n%20 == 0)
		if n%toldLookUps == 0 {
			for _, u := range c.told.all(time.Now()) {
				ids = append(ids, u.ClaimID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		call, cancel := context.WithTimeout(ctx, time.Second)
		verdicts, err := c.ledger.Verdicts(call, ids)
		cancel()
		if err != nil {
			c.logger.Debug("late verdicts cannot be looked up", "error", err)
			continue
		}
		c.cacheReceipts(verdicts, nil)
		c.catchUp(ctx, verdicts)
		for i := range verdicts {
			if c.deliver(&verdicts[i], nil) {
				c.metrics.lookedUp.Inc()
			}
		}
	}
}

// catchUp refreshes the catalog if it does not show these commits yet, because an answer shows the sale as its own verdict left
// it. If the ledger does not answer in time, the figures follow with the next refresh.
func (c *Checkout) catchUp(ctx context.Context, verdicts []events.Verdict) {
	if !c.catalog.behind(verdicts) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTime)
	defer cancel()
	if err := c.catalog.refresh(ctx); err != nil {
		c.logger.Debug("sales cannot be read after a late verdict", "error", err)
	}
}

// releasePlaces gives places back, a batch at a time. The reconciler frees those for which that fails.
func (c *Checkout) releasePlaces(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-c.releases:
			for key, users := range c.gatherReleases(r) {
				call, cancel := context.WithTimeout(ctx, releaseTime)
				if err := c.releaser.Release(call, key, users); err != nil {
					c.metrics.unplaced.Add(float64(len(users)))
				}
				cancel()
			}
		}
	}
}

func (c *Checkout) gatherReleases(first release) map[sale.Key][]int64 {
	all := map[sale.Key][]int64{first.key: {first.user}}
	for range releaseBatch {
		select {
		case r := <-c.releases:
			all[r.key] = append(all[r.key], r.user)
		default:
			return all
		}
	}
	return all
}

// Cancelled takes in that this order was cancelled. It is called after the commit, and after the catalog was refreshed. This
// process no longer answers with the receipt, and the place is free: the unit is for sale again, and the shopper may press
// again. Other processes drop the receipt when they read the sale, whose version the cancellation has raised. An error means
// that the shopper still has the place; the reconciler frees it within a few seconds.
//
// A shopper who pressed again between the commit and this call may lose the new place. Then Redis gives one place too many,
// until the reconciler makes the owner a holder again. The ledger declines the surplus claim.
func (c *Checkout) Cancelled(ctx context.Context, r sale.Receipt) error {
	e := c.catalog.snapshots.Load().byID[r.SaleID]
	k := sale.Key{Sale: r.SaleID, Generation: r.Generation}
	if e == nil || e.Key != k {
		return nil // the places of an older generation expire with it
	}
	c.attempts.remember(sale.ShopperKey{Key: k, User: r.UserID}, r.Attempt+1)
	if again := !e.receipts.withdraw(r); again {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	if err := c.releaser.Release(ctx, k, []int64{r.UserID}); err != nil {
		c.metrics.unplaced.Inc()
		return fmt.Errorf("give the place of a cancelled order back: %w", err)
	}
	return nil
}
