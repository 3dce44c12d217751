package checkout

import (
	"context"
	"fmt"

	"flashsale/sale"
)

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
