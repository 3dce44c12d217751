package sale

import (
	"context"
	"fmt"
	"time"
)

// bookKept is how long the receipts of a closed sale stay in memory after its close, or after a press that asked for
// them again. Then its owners are answered by the ledger.
const bookKept = 10 * time.Minute

// keepBooks loads what is missing in the books of sales that cannot be bought from, so that their losers and their
// owners are answered from memory, and puts away those that nobody needs any more. It is the only loader, so nothing
// is ever loaded twice at once.
func (c *Checkout) keepBooks(ctx context.Context) {
	changed, done := c.catalog.Changed()
	defer done()
	for ctx.Err() == nil {
		failed := false
		for _, e := range c.catalog.snapshots.Load().list {
			if err := c.keepBook(ctx, e); err != nil {
				failed = true
				c.logger.Debug("receipts cannot be loaded", "sale", e.slug, "error", err)
			}
		}
		pause := refreshEvery
		if failed {
			// Not at once: a ledger that is away is not helped by questions.
			sleep(ctx, pause, nil)
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-c.load:
		case <-time.After(pause):
		}
	}
}

func (c *Checkout) keepBook(ctx context.Context, e *catalogEntry) error {
	now := c.catalog.clock.now(time.Now())
	if e.book.lapsed(e, now) {
		c.catalog.dropReceipts(e)
		return nil
	}
	if !e.book.wanting(e.level.Version, c.buyable(e, now)) {
		return nil
	}
	return c.loadBook(ctx, e)
}

// loadBook reads what changed since the last time, and makes the owners' names known: from then on somebody
// whose name is not known is not an owner.
func (c *Checkout) loadBook(ctx context.Context, e *catalogEntry) error {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	suspect := e.book.suspect.Swap(false)
	if suspect && e.book.loadedTo() == 0 {
		e.book.clear()
		if c.buyable(e, c.catalog.clock.now(time.Now())) {
			return nil
		}
	}
	if err := c.fill(ctx, e); err != nil {
		if suspect {
			e.book.doubt(0)
		}
		return err
	}
	return nil
}

func (c *Checkout) fill(ctx context.Context, e *catalogEntry) error {
	changed, err := c.records.ordersSince(ctx, e.Key, e.book.loadedTo())
	if err != nil {
		return err
	}
	users := make([]int64, 0, len(changed))
	for _, o := range changed {
		if o.live {
			users = append(users, o.UserID)
		}
	}
	if len(users) > 0 {
		if err := c.shoppers.Warm(ctx, users); err != nil {
			return fmt.Errorf("warm names: %w", err)
		}
	}
	// The version was in the catalog before the question was asked, so no order up to it is missing.
	e.book.load(changed, e.level.Version)
	return nil
}

// wantBook asks for a load now.
func (c *Checkout) wantBook(b *book) {
	b.asked.Store(true)
	select {
	case c.load <- struct{}{}:
	default:
	}
}
