package sale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Order is an order as operators see it.
type Order struct {
	Receipt
	// Slug is the sale's.
	Slug string
	// CancelledAt is when an operator took it back, by Postgres' clock; zero while it is live.
	CancelledAt time.Time
}

// OrderTx reads an order, live or cancelled, as the transaction sees it. ErrNoOrder when there is none. From then on the
// transaction probes orders by key.
func (s *Store) OrderTx(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Order, error) {
	var o Order
	b := &pgx.Batch{}
	b.Queue(sqlProbes)
	b.Queue(sqlOrderOfSale, id).QueryRow(func(row pgx.Row) (err error) {
		o, err = scanWholeOrder(row)
		return err
	})
	err := tx.SendBatch(ctx, b).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return o, ErrNoOrder
	}
	if err != nil {
		return o, fmt.Errorf("read order: %w", err)
	}
	return o, nil
}

func scanWholeOrder(row pgx.Row) (Order, error) {
	var o Order
	var cancelled *time.Time
	var revision int64
	var live bool
	var press uuid.UUID
	err := row.Scan(&o.OrderID, &o.SaleID, &o.Generation, &o.UserID, &o.Username, &o.Unit, &o.Attempt,
		&o.idempotencyKey, &revision, &o.At, &live, &press, &cancelled, &o.Slug)
	o.At = o.At.UTC()
	if cancelled != nil {
		o.CancelledAt = cancelled.UTC()
	}
	return o, err
}
