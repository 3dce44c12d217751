package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// CancelTx takes an order back: its unit returns to the stock and the shopper may press again, which Checkout.Cancelled
// makes so at once after the commit. The order stays readable. Of an older generation too, so the digest of that is made
// anew; record it in the audit log. Errors: ErrNoOrder; ErrBusy; ErrAlreadyCancelled, which comes with the receipt, as
// the first cancel did.
//
// The order of the locks is gate, generation, stock row. Waiting for the generation may take as long as its digest; the
// ledger goes on meanwhile. Of the stock rows it is only the order's own: an order of an older generation does not stop
// the present one.
func (s *Store) CancelTx(ctx context.Context, tx pgx.Tx, id uuid.UUID) (sale.Receipt, error) {
	slug, generation, err := placeOf(ctx, tx, id)
	if err != nil {
		return sale.Receipt{}, err
	}
	h, err := s.lockGate(ctx, tx, slug)
	if err != nil {
		return sale.Receipt{}, err
	}
	k := sale.Key{Sale: h.Sale, Generation: generation}
	if err := lockGeneration(ctx, tx, k); err != nil {
		return sale.Receipt{}, err
	}
	if _, err := s.lockStock(ctx, tx, k); err != nil {
		return sale.Receipt{}, err
	}
	o, err := liveOrder(ctx, tx, id)
	if err != nil {
		return o.Receipt, err
	}
	return o.Receipt, s.release(ctx, tx, slug, o)
}

// lockGeneration keeps a digest from being computed, and waits for one that is.
func lockGeneration(ctx context.Context, tx pgx.Tx, k sale.Key) error {
	if _, err := tx.Exec(ctx, sqlLockGeneration, k.Sale, k.Generation); err != nil {
		return fmt.Errorf("lock generation: %w", busy(err))
	}
	return nil
}

// release takes a live order back. The caller has locked its stock row.
func (s *Store) release(ctx context.Context, tx pgx.Tx, slug string, o sale.OrderRow) error {
	level, err := s.stock.ReturnTx(ctx, tx, sale.Key{Sale: o.SaleID, Generation: o.Generation}, o.Unit)
	if err != nil {
		return fmt.Errorf("return unit: %w", err)
	}
	b := &pgx.Batch{}
	b.Queue(sqlCancel, o.OrderID, level.Version).Exec(exactly(1, "cancelled orders"))
	b.Queue(sqlForgetDigest, o.SaleID, o.Generation)
	b.Queue(sqlTouch, o.SaleID)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("cancel order: %w", err)
	}
	id := o.OrderID.String()
	return s.outbox.AppendTx(ctx, tx, []events.Message{
		{SaleID: o.SaleID, Type: events.TypeOrderCancelled, Subject: id, Data: events.CancelledOrder{
			Order: id, Sale: o.SaleID, Generation: o.Generation, User: o.UserID, Unit: o.Unit,
		}},
		stockChanged(slug, level),
	})
}

// placeOf finds the sale and the generation of an order. From then on the transaction probes orders by key.
func placeOf(ctx context.Context, tx pgx.Tx, id uuid.UUID) (slug string, generation int64, err error) {
	b := &pgx.Batch{}
	b.Queue(sqlProbes)
	b.Queue(sqlOrderSale, id).QueryRow(func(row pgx.Row) error { return row.Scan(&slug, &generation) })
	err = tx.SendBatch(ctx, b).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return "", 0, sale.ErrNoOrder
	}
	if err != nil {
		return "", 0, fmt.Errorf("find order: %w", err)
	}
	return slug, generation, nil
}

// liveOrder reads the order as it is behind the lock. ErrAlreadyCancelled comes with it.
func liveOrder(ctx context.Context, tx pgx.Tx, id uuid.UUID) (sale.OrderRow, error) {
	rows, err := tx.Query(ctx, sqlOrdersByID, [][16]byte{id})
	if err != nil {
		return sale.OrderRow{}, fmt.Errorf("read order: %w", err)
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanOrder)
	if err != nil {
		return sale.OrderRow{}, fmt.Errorf("read order: %w", err)
	}
	if !o.Live {
		return o, sale.ErrAlreadyCancelled
	}
	return o, nil
}
