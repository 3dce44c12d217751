package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// Recovery is what the published events know of receipts that the ledger does not have as they say, after it was restored from a
// backup. Orders that the events topic does not name are not in it: nothing that this deployment keeps knows of them.
type Recovery struct {
	// Known is how many receipts the events topic names.
	Known int `json:"known"`
	// Lost are receipts that shoppers have and the ledger has not.
	Lost []LostReceipt `json:"lost"`
	// Renumbered are receipts that came back with another unit.
	Renumbered []LostReceipt `json:"renumbered"`
	// Revived are orders that were cancelled and are live again, because the act came after the backup.
	Revived []LostReceipt `json:"revived"`
}

// LostReceipt is a receipt as its shopper has it, and what the ledger says of it.
type LostReceipt struct {
	Order      string    `json:"order"`
	Sale       int64     `json:"sale"`
	Generation int64     `json:"generation"`
	Username   string    `json:"username"`
	Unit       int64     `json:"unit"`
	At         time.Time `json:"at"`
	// Now is for people: what became of it.
	Now string `json:"now"`
}

// published has the events that were sent to others.
type published interface {
	EachPublished(ctx context.Context, do func(kind string, payload []byte) error) error
}

// Receipts is the number of live orders of all generations. It reads all orders.
func (o *Acts) Receipts(ctx context.Context) (live int64, err error) {
	err = pgx.BeginTxFunc(ctx, o.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		counts, err := o.sales.CountsTx(ctx, tx)
		for _, c := range counts {
			live += c.Live
		}
		return err
	})
	return live, err
}

// Recover compares every receipt that the events topic names with the ledger. It changes nothing.
func (o *Acts) Recover(ctx context.Context, topic published) (Recovery, error) {
	confirmed := make(map[uuid.UUID]events.ConfirmedOrder)
	cancelled := make(map[uuid.UUID]bool)
	err := topic.EachPublished(ctx, func(kind string, payload []byte) error {
		order, known := orderIn(kind, payload)
		id, err := uuid.Parse(order.Order)
		if known && err == nil && kind == events.TypeOrderConfirmed {
			confirmed[id] = order
		}
		if known && err == nil && kind == events.TypeOrderCancelled {
			cancelled[id] = true
		}
		return nil // what is not understood is of another kind, or a stranger's
	})
	if err != nil {
		return Recovery{}, fmt.Errorf("read the published events: %w", err)
	}
	r := Recovery{Known: len(confirmed)}
	ids := make([]uuid.UUID, 0, len(confirmed))
	for id := range confirmed {
		ids = append(ids, id)
	}
	for part := range slices.Chunk(ids, recoverBatch) {
		if err := o.recoverSome(ctx, &r, part, confirmed, cancelled); err != nil {
			return r, err
		}
	}
	for _, all := range [][]LostReceipt{r.Lost, r.Renumbered, r.Revived} {
		slices.SortFunc(all, func(a, b LostReceipt) int { return a.At.Compare(b.At) })
	}
	return r, nil
}

// orderIn is the order that an event is about. Of one that was cancelled only the id is read.
func orderIn(kind string, payload []byte) (order events.ConfirmedOrder, ok bool) {
	if kind != events.TypeOrderConfirmed && kind != events.TypeOrderCancelled {
		return order, false
	}
	err := json.Unmarshal(payload, &order)
	return order, err == nil
}

// recoverBatch is how many receipts are looked up at once.
const recoverBatch = 1000

func (o *Acts) recoverSome(ctx context.Context, r *Recovery, ids []uuid.UUID, confirmed map[uuid.UUID]events.ConfirmedOrder, cancelled map[uuid.UUID]bool) error {
	verdicts, err := o.checkout.Verdicts(ctx, ids)
	if err != nil {
		return fmt.Errorf("look up receipts: %w", err)
	}
	found := make(map[uuid.UUID]events.Verdict, len(verdicts))
	for _, v := range verdicts {
		found[v.ClaimID] = v
	}
	for _, id := range ids {
		v, decided := found[id]
		lost := func(now string) LostReceipt {
			c := confirmed[id]
			return LostReceipt{Order: c.Order, Sale: c.Sale, Generation: c.Generation, Username: c.Username, Unit: c.Unit, At: c.At, Now: now}
		}
		switch {
		case cancelled[id]:
			if decided && v.Standing() == events.OrderStands {
				r.Revived = append(r.Revived, lost("live again, cancel it anew"))
			}
		case !decided:
			r.Lost = append(r.Lost, lost("neither the backup nor the claims log has it"))
		case v.Outcome != events.Ordered:
			r.Lost = append(r.Lost, lost("its claim was decided anew and declined: "+string(v.Reason)))
		case v.Unit != confirmed[id].Unit:
			r.Renumbered = append(r.Renumbered, lost(fmt.Sprintf("it has unit %d now", v.Unit)))
		}
	}
	return nil
}
