package operator

import (
	"context"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/events/audit"
	"flashsale/sale"
)

// mostActs is how many acts on one order its history shows.
const mostActs = 100

// OrderHistory is everything that is known of an order.
type OrderHistory struct {
	DeskOrder
	// Product is the name of what was bought.
	Product string
	// Partition is that of the claims log which has the claim; Offset where it is there. OffsetKnown is false when the log does not
	// have it any more, or it was decided without the log.
	Partition   int
	Offset      int64
	OffsetKnown bool
	// Events are those that the order has caused, the first one first.
	Events []OrderEvent
	// Declines are the claims of the same shopper that got no unit, Acts what operators did to the order, the first one first.
	Declines []sale.DeclinedAttempt
	Acts     []audit.Recorded
}

// OrderEvent is an event that other systems are told.
type OrderEvent struct {
	Type string
	At   time.Time
	// Published is true once it is certain that the event was published.
	Published bool
}

// Order is the history of an order. sale.ErrNoOrder when there is none.
func (d *Desk) Order(ctx context.Context, id uuid.UUID) (OrderHistory, error) {
	h, err := shown(ctx, d, func(OrderHistory) bool { return true }, func(ctx context.Context, on Shown) (OrderHistory, error) {
		return d.written(ctx, on, id)
	})
	if err != nil {
		return h, err
	}
	if s, err := d.cfg.Catalog.Snapshot(h.Slug); err == nil {
		h.Partition = s.Partition
		if s.Product != nil {
			h.Product = s.Product.Name
		}
	}
	if h.Events, err = d.events(ctx, &h.ListedOrder); err != nil {
		return h, err
	}
	// Without the log everything else is still true.
	h.Offset, h.OffsetKnown, _ = d.cfg.Log.Find(ctx, h.Partition, id, h.At)
	return h, nil
}

// written is what rows say of an order and its shopper.
func (d *Desk) written(ctx context.Context, on Shown, id uuid.UUID) (h OrderHistory, err error) {
	found, err := on.Orders.Between(ctx, id, id)
	if err == nil && len(found) == 0 {
		err = sale.ErrNoOrder
	}
	if err != nil {
		return h, err
	}
	named, err := d.named(ctx, on, found)
	if err != nil {
		return h, err
	}
	h.DeskOrder = named[0]
	if h.Declines, err = on.Orders.Declines(ctx, sale.Key{Sale: h.SaleID, Generation: h.Generation}, h.UserID); err != nil {
		return h, err
	}
	acts, err := on.Audit.List(ctx, audit.Filter{Subject: id.String()}, audit.PageRequest{Back: true, Limit: mostActs})
	if err != nil {
		return h, err
	}
	for i := range acts.Entries {
		h.Acts = append(h.Acts, acts.Entries[len(acts.Entries)-1-i])
	}
	return h, nil
}

// events are what the transactions that wrote the order have announced: each writes its event with its row. The outbox forgets events
// some time after they were published, so they are not looked up there.
func (d *Desk) events(ctx context.Context, o *sale.ListedOrder) ([]OrderEvent, error) {
	waiting, err := d.cfg.Outbox.WaitingSince(ctx)
	if err != nil {
		return nil, err
	}
	published := func(at time.Time) bool { return waiting.IsZero() || at.Add(announceTime).Before(waiting) }
	all := []OrderEvent{{events.TypeOrderConfirmed, o.DecidedAt, published(o.DecidedAt)}}
	if !o.CancelledAt.IsZero() {
		all = append(all, OrderEvent{events.TypeOrderCancelled, o.CancelledAt, published(o.CancelledAt)})
	}
	return all, nil
}

// announceTime is more than the time between the moment that an order's row names and the one at which its event was written, both in
// one transaction.
const announceTime = 10 * time.Second
