package checkout

import (
	"context"
	"fmt"
	"time"
)

// receiptsKept is how long the receipts of a closed sale stay in memory after its close, or after a request that asked for
// them again. Then its owners are answered by the ledger.
const receiptsKept = 10 * time.Minute

// runReceiptLoader loads the receipts of sales that cannot be bought from, so that their losers and owners are answered from
// memory, and drops the receipts that nobody needs any more. It is the only loader, so no two loads of a sale run at once.
func (c *Checkout) runReceiptLoader(ctx context.Context) {
	changed, done := c.catalog.Changed()
	defer done()
	for ctx.Err() == nil {
		failed := false
		for _, e := range c.catalog.snapshots.Load().list {
			if err := c.loadIfNeeded(ctx, e); err != nil {
				failed = true
				c.logger.Debug("receipts cannot be loaded", "sale", e.Slug, "error", err)
			}
		}
		pause := refreshEvery
		if failed {
			// Not at once, so that a ledger that is away is not asked all the time.
			sleep(ctx, pause, nil)
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-c.loadDue:
		case <-time.After(pause):
		}
	}
}

func (c *Checkout) loadIfNeeded(ctx context.Context, e *catalogEntry) error {
	now := c.catalog.clock.now(time.Now())
	if e.receipts.expired(e, now) {
		c.catalog.dropReceipts(e)
		return nil
	}
	if err := c.confirmAnnounced(ctx, e, c.buyable(e, now)); err != nil {
		return err
	}
	if !e.receipts.needsLoad(e.Level.Version, c.buyable(e, now)) {
		return nil
	}
	return c.loadReceipts(ctx, e)
}

// confirmAnnounced makes the names of owners known whose orders were announced, while the sale sells: at its end there are few left,
// and its receipts are complete without a read if every commit was announced.
func (c *Checkout) confirmAnnounced(ctx context.Context, e *catalogEntry, buyable bool) error {
	through, owners := e.receipts.chained()
	if through == 0 {
		return nil
	}
	if len(owners) > 0 {
		ctx, cancel := context.WithTimeout(ctx, loadTime)
		defer cancel()
		if err := c.shoppers.Warm(ctx, owners); err != nil {
			e.receipts.notWarmed(owners)
			return fmt.Errorf("warm names: %w", err)
		}
	}
	e.receipts.confirmChain(through, buyable)
	return nil
}

// loadReceipts reads what changed since the last load, and makes the names of the owners known: from then on somebody
// whose name is not known is not an owner.
func (c *Checkout) loadReceipts(ctx context.Context, e *catalogEntry) error {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	suspect := e.receipts.suspect.Swap(false)
	if suspect && e.receipts.loadedRevision() == 0 {
		e.receipts.clear()
		if c.buyable(e, c.catalog.clock.now(time.Now())) {
			return nil
		}
	}
	if err := c.readOrders(ctx, e); err != nil {
		if suspect {
			e.receipts.invalidate(0)
		}
		return err
	}
	return nil
}

func (c *Checkout) readOrders(ctx context.Context, e *catalogEntry) error {
	changed, err := c.ledger.OrdersSince(ctx, e.Key, e.receipts.loadedRevision())
	if err != nil {
		return err
	}
	users := make([]int64, 0, len(changed))
	for _, o := range changed {
		if o.Live {
			users = append(users, o.UserID)
		}
	}
	if len(users) > 0 {
		if err := c.shoppers.Warm(ctx, users); err != nil {
			return fmt.Errorf("warm names: %w", err)
		}
	}
	// The version was in the catalog before the question was asked, so no order up to it is missing.
	e.receipts.addLoaded(changed, e.Level.Version)
	return nil
}

// requestLoad asks for a load now.
func (c *Checkout) requestLoad(receipts *receiptCache) {
	receipts.wanted.Store(true)
	select {
	case c.loadDue <- struct{}{}:
	default:
	}
}
