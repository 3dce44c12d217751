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

// CancelTx cancels an order: its unit returns to the stock, and the shopper may press again. Call Checkout.Cancelled after the
// commit, so that this process lets the shopper press at once. The order can still be read. An order of an older generation can
// be cancelled too: the digest of that generation is removed and computed again. The caller records the cancel in the audit
// log. Errors: ErrNoOrder; ErrBusy; ErrAlreadyCancelled, which comes with the receipt that the first cancel returned.
//
// It locks the gate, the generation and the order's stock row, in this order. The lock of the generation may have to wait for
// a digest, and claims are decided meanwhile. The stock row is that of the order's generation, so the cancel of an older order
// does not stop purchases.
func (s *Store) CancelTx(ctx context.Context, tx pgx.Tx, id uuid.UUID) (sale.Receipt, error) {
	slug, generation, err := saleOf(ctx, tx, id)
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

// release cancels a live order. The caller has locked its stock row.
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

// saleOf finds the sale and the generation of an order. It sets the planner for the rest of the transaction: see sqlProbes.
func saleOf(ctx context.Context, tx pgx.Tx, id uuid.UUID) (slug string, generation int64, err error) {
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

// liveOrder reads an order under the lock of its stock row. A cancelled one comes with ErrAlreadyCancelled.
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
