package operator

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/sale"
)

// Cancellation is an order that was cancelled, and what that changed. Nothing has changed when the order had been cancelled
// before.
type Cancellation struct {
	sale.Change
	Order sale.Order
}

// CancelOrder cancels an order, for a reason that the audit log keeps. Its unit can be sold again, and its shopper may buy
// again. An order that was cancelled before is answered the same way, and nothing is recorded.
func (o *Acts) CancelOrder(ctx context.Context, a Act, id uuid.UUID, reason string) (Cancellation, error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	done, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (Cancellation, audit.Entry, error) {
		return o.cancelTx(ctx, tx, a, id, reason)
	})
	if first {
		o.refresh(ctx, &done.Change)
		o.releasePlace(ctx, done)
	}
	return done, err
}

func (o *Acts) cancelTx(ctx context.Context, tx pgx.Tx, a Act, id uuid.UUID, reason string) (Cancellation, audit.Entry, error) {
	var c Cancellation
	var record audit.Entry
	var err error
	if c.Before, c.Order, err = o.sales.LockOrderTx(ctx, tx, id); err != nil {
		return c, record, err
	}
	if !c.Order.CancelledAt.IsZero() {
		c.After = c.Before
		return c, record, nil
	}
	if err := a.Match.Allows(c.Before.Revision); err != nil {
		return c, record, err
	}
	if _, err := o.sales.CancelTx(ctx, tx, id); err != nil {
		return c, record, err
	}
	if c.Order, err = o.sales.OrderTx(ctx, tx, id); err != nil {
		return c, record, err
	}
	if c.After, err = o.sales.LockSaleTx(ctx, tx, c.Before.Slug); err != nil {
		return c, record, err
	}
	before, after := stateOf(&c.Before, nil), stateOf(&c.After, nil)
	before["order"], after["order"] = sale.OrderConfirmed, sale.OrderCancelled
	record, err = saying(cancellationRecord(c, reason), before, after)
	return c, record, err
}

func cancellationRecord(c Cancellation, reason string) audit.Entry {
	return audit.Entry{Action: "order.cancel", Subject: c.Order.OrderID.String(), Detail: map[string]any{
		"reason": reason, "sale": c.Before.Slug, "generation": c.Order.Generation, "unit": c.Order.Unit,
		"username": c.Order.Username, "cancelledAt": c.Order.CancelledAt.Format(time.RFC3339Nano),
	}}
}

// releasePlace gives back the place of the order's shopper, after this process shows the cancellation: the shopper may buy
// again, and the place is free. If it fails, the reconciler does it later.
func (o *Acts) releasePlace(ctx context.Context, c Cancellation) {
	if c.Before.Revision == c.After.Revision {
		return // it had been cancelled before: its shopper may have bought again, and need the place for that
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTime)
	defer cancel()
	o.warn("the place of a cancelled order comes back with the next reconciling", o.checkout.Cancelled(ctx, c.Order.Receipt))
}
