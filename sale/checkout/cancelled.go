package checkout

import (
	"context"
	"fmt"

	"flashsale/sale"
)

// Cancelled takes in that this order was cancelled, after the commit and after the catalog was refreshed: this process no
// longer answers with the receipt, and the place is free, so that the unit is for sale again and the shopper may press
// again. Other processes forget the receipt when they read the sale, whose version the cancellation has raised. An error
// means that the shopper still has the place; the reconciler frees it within a few seconds.
//
// A shopper who pressed again between the commit and this call may lose the new place. Then Redis lets in one claim too
// many, which the ledger declines, until the reconciler gives the owner a place again.
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
