package sale

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// CancelTx takes an order back: its unit returns to the stock and the shopper may press again. The order stays
// readable. Of an older generation too, so the digest of that is made anew; record it in the audit log.
// Errors: ErrNoOrder, ErrBusy.
func (s *Store) CancelTx(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Receipt, error) {
	slug, generation, err := placeOf(ctx, tx, id)
	if err != nil {
		return Receipt{}, err
	}
	h, err := s.hold(ctx, tx, slug)
	if err != nil {
		return Receipt{}, err
	}
	o, err := liveOrder(ctx, tx, id)
	if err != nil {
		return Receipt{}, err
	}
	level, err := s.stock.ReturnTx(ctx, tx, Key{h.Sale, generation}, o.Unit)
	if err != nil {
		return Receipt{}, fmt.Errorf("return unit: %w", err)
	}
	b := &pgx.Batch{}
	b.Queue(sqlCancel, id, level.Version).Exec(exactly(1, "cancelled orders"))
	b.Queue(sqlForgetDigest, h.Sale, generation)
	b.Queue(sqlTouch, h.Sale)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return Receipt{}, fmt.Errorf("cancel order: %w", err)
	}
	gone := events.CancelledOrder{Order: id.String(), Sale: o.SaleID, Generation: o.Generation, User: o.UserID, Unit: o.Unit}
	return o.Receipt, s.outbox.AppendTx(ctx, tx, []events.Message{
		{SaleID: h.Sale, Type: events.TypeOrderCancelled, Subject: id.String(), Data: gone},
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
		return "", 0, ErrNoOrder
	}
	if err != nil {
		return "", 0, fmt.Errorf("find order: %w", err)
	}
	return slug, generation, nil
}

func liveOrder(ctx context.Context, tx pgx.Tx, id uuid.UUID) (order, error) {
	rows, err := tx.Query(ctx, sqlOrdersByID, [][16]byte{id})
	if err != nil {
		return order{}, fmt.Errorf("read order: %w", err)
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanOrder)
	if err != nil {
		return order{}, fmt.Errorf("read order: %w", err)
	}
	if !o.live {
		return order{}, ErrNoOrder
	}
	return o, nil
}
